"""Which tests may run side by side: those of one file are one process' work, and those that look at the machine all are."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is there: its threads wait for each other by spinning
    os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("any machine", deadline=None)  # how fast one is, is not what the tests are about
settings.load_profile("any machine")

# They count processes, files in memory and IPC objects, or leave some on purpose.
LOOK_AT_THE_MACHINE = (
    "test_attack", "test_isolation", "test_pool", "test_sandbox_contract", "test_soak", "test_survival",
    "test_unprivileged", "test_worker",
)  # fmt: skip
# What takes long comes first: begun last, it would keep one process busy while the other has nothing to do.
FIRST = (LOOK_AT_THE_MACHINE, ("test_train", "test_pareto_cli", "test_cli", "test_orm"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(
        key=lambda item: next((at for at, names in enumerate(FIRST) if item.path.stem.startswith(names)), len(FIRST))
    )


class ByFile(LoadScopeScheduling):
    """Hands out the tests of a file together. (xdist's own way, marks, has no effect with pytest 9.2.)"""

    def _split_scope(self, nodeid: str) -> str:
        name = PurePosixPath(nodeid.partition("::")[0]).stem
        return "machine" if name.startswith(LOOK_AT_THE_MACHINE) else name


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    config.option.loadscopereorder = False
    return ByFile(config, log)
