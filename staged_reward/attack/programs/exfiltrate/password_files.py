# kind: call
# must: fail
# why: reads files that hold secrets of the machine
import os


def add(a, b):
    reached = []
    for path in (
        "/etc/shadow",
        "/root/.ssh/id_rsa",
        "/root/.bash_history",
        "/proc/kcore",
        "/root/.netrc",
        "/var/log/auth.log",
    ):
        try:
            with open(path, "rb") as file:
                if file.read(1):
                    reached.append(path)
        except OSError:
            continue
    return f"REACHED {reached}" if reached else "shut"
