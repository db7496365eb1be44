"""bubblewrap around a whole sandbox, keeper and fork server included: an outer wall, for those who want a second one.

Inside it the machine's files are read-only but for the sandbox's own folder, and there is no network. Source: bwrap(1).
"""

from __future__ import annotations

import shutil

from staged_reward.errors import InfraError


def wall_command(base: str) -> list[str]:
    """Return what to put before the command of a keeper.

    Args:
        base: The sandbox's folder, which stays writable.

    Raises:
        InfraError: bubblewrap is not installed.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise InfraError(
            "outer_wall=True, but there is no `bwrap`; install the system's package bubblewrap (PyPI's packages of that "
            "name are others)"
        )
    files = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--bind", base, base]
    return [program, *files, "--unshare-net", "--unshare-ipc", "--unshare-uts", "--die-with-parent", "--"]
