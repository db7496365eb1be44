"""Which tests may run side by side: those of one file are one process' work, and those that look at the machine all are."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("any machine", deadline=None)  # how fast one is, is not what the tests are about
settings.load_profile("any machine")

# They count processes, files in memory and IPC objects, or leave some on purpose.
LOOK_AT_THE_MACHINE = (
    "test_attack", "test_isolation", "test_pool", "test_sandbox_contract", "test_soak", "test_survival",
    "test_unprivileged", "test_worker",
)  # fmt: skip


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in a hook of its own
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        name = item.path.stem
        group = "machine" if name.startswith(LOOK_AT_THE_MACHINE) else name
        item.add_marker(pytest.mark.xdist_group(group))
