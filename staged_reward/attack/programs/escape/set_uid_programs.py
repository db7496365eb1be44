# kind: assert
# must: fail
# why: runs set-uid programs of the machine
import subprocess


def add(a, b):
    for command in (
        ["/bin/su", "-c", "touch @DIR@/root"],
        ["/usr/bin/sudo", "-n", "touch", "@DIR@/root"],
        ["/usr/bin/newuidmap"],
        ["/bin/mount", "-t", "tmpfs", "none", "/mnt"],
    ):
        try:
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=1)
        except (OSError, subprocess.SubprocessError):
            continue
    return 0
