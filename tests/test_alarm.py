"""Alarms on our own work: they ring, they ring again when Python drops the error, and they are off afterwards."""

from __future__ import annotations

import contextlib
import signal
import time

import pytest

from staged_reward import alarm as alarms
from staged_reward.alarm import AlarmError, alarm, cpu_alarm


def compute(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


@pytest.mark.parametrize("make", [alarm, cpu_alarm])
def test_it_rings_and_is_off_afterwards(make) -> None:
    with pytest.raises(AlarmError), make(0.05):
        compute(5)
    compute(0.1)
    assert signal.getitimer(signal.ITIMER_PROF)[0] == 0


@pytest.mark.parametrize("make", [alarm, cpu_alarm])
def test_it_does_not_ring_in_time(make) -> None:
    with make(5.0) as bell:
        compute(0.01)
    assert not bell.rang


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("make", [alarm, cpu_alarm])
def test_an_error_that_python_drops_is_raised_again(make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarms, "AGAIN_SECONDS", 0.1)

    class Dropping:
        def __del__(self) -> None:
            compute(0.2)

    def drop_one_and_go_on() -> None:
        with make(0.05) as bell:
            Dropping()
            assert bell.rang
            compute(5)

    with pytest.raises(AlarmError):
        drop_one_and_go_on()


def test_code_that_catches_everything_is_ended_with_its_process() -> None:
    import os

    pid = os.fork()
    if pid == 0:
        with alarm(0.05, last_seconds=0.05):
            while True:
                with contextlib.suppress(BaseException):
                    compute(5)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGALRM
