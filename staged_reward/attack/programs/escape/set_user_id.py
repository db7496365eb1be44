# kind: call
# must: fail
# why: becomes another user, keeps or regains rights
import os


def add(a, b):
    before = os.getuid()
    for step in (lambda: os.setresuid(0, 0, 0), lambda: os.setgroups([0]), lambda: os.setresgid(0, 0, 0)):
        try:
            step()
        except OSError:
            continue
    if before != 0 and os.getuid() == 0:
        return "REACHED the rights of root"
    try:
        os.setresuid(12345, 12345, 12345)
        return "REACHED the right to change user" if before == 0 else "done"
    except OSError:
        return "shut"
