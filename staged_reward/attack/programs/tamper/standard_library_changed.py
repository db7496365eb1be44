# kind: call
# must: fail
# why: opens modules of the standard library, their compiled files and site-packages for writing
import os
import sysconfig


def add(a, b):
    reached = []
    folder = sysconfig.get_path("stdlib")
    for path in (f"{folder}/json/__init__.py", f"{folder}/heapq.py"):
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_APPEND))
            reached.append(path)
        except OSError:
            continue
    for place in (f"{folder}/__pycache__", sysconfig.get_path("purelib"), os.path.expanduser("~/.local")):
        if os.access(place, os.W_OK, effective_ids=True):
            try:
                name = f"{place}/canary_write"
                os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
                os.unlink(name)
                reached.append(place)
            except OSError:
                continue
    return f"REACHED {reached}" if reached else "shut"
