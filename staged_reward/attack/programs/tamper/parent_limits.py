# kind: call
# must: fail
# why: lowers the limits and the priority of its parent
import os
import resource


def add(a, b):
    reached = []
    parent = os.getppid()
    if parent <= 1:
        return "nobody there"
    try:
        old = resource.prlimit(parent, resource.RLIMIT_CORE)
        resource.prlimit(parent, resource.RLIMIT_CORE, old)
        reached.append("prlimit")
    except OSError:
        pass
    try:
        os.setpriority(os.PRIO_PROCESS, parent, os.getpriority(os.PRIO_PROCESS, parent))
        reached.append("setpriority")
    except OSError:
        pass
    try:
        with open(f"/proc/{parent}/oom_score_adj", "r+") as file:
            file.write(file.read())
        reached.append("oom_score_adj")
    except OSError:
        pass
    return "REACHED " + " ".join(reached) if reached else "shut"
