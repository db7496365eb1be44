"""As root, the tests of the sandbox that depend on the user run again as an ordinary one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent


@pytest.mark.skipif(os.getuid() != 0, reason="this is an ordinary user already")
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("test_isolation_layers", "test"),
        pytest.param("test_sandbox_contract", "test", marks=pytest.mark.slow),
    ],
)
def test_the_sandbox_does_all_this_for_an_ordinary_user_too(name: str, chosen: str) -> None:
    pytest_command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-q",
        str(TESTS / f"{name}.py"),
        "-k",
        chosen,
    ]
    command = [sys.executable, str(TESTS / "unprivileged.py"), *pytest_command]
    finished = subprocess.run(command, cwd=TESTS.parent, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout[-4000:] + finished.stderr[-2000:]
    assert "passed" in finished.stdout or "[100%]" in finished.stdout
