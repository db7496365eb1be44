# kind: call
# must: fail
# why: opens what its parent has open through /proc
import os


def add(a, b):
    reached = []
    try:
        names = os.listdir(f"/proc/{os.getppid()}/fd")
    except OSError:
        return "shut"
    for name in names:
        try:
            os.close(os.open(f"/proc/{os.getppid()}/fd/{name}", os.O_RDWR | os.O_NONBLOCK))
            reached.append(os.readlink(f"/proc/{os.getppid()}/fd/{name}"))
        except OSError:
            continue
    reached = [name for name in reached if name != "/dev/null"]
    return f"REACHED {reached}" if reached else "shut"
