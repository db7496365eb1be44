# kind: call
# must: fail
# why: takes real-time priority, which starves everybody else
import os


def add(a, b):
    reached = []
    for policy in (os.SCHED_FIFO, os.SCHED_RR):
        try:
            os.sched_setscheduler(0, policy, os.sched_param(1))
            if os.sched_getscheduler(0) == policy:  # the call may report success and do nothing
                reached.append(policy)
        except OSError:
            continue
    try:
        before = os.getpriority(os.PRIO_PROCESS, 0)
        os.nice(-5)
        if os.getpriority(os.PRIO_PROCESS, 0) < before:
            reached.append("nice")
    except OSError:
        pass
    return f"REACHED {reached}" if reached else "shut"
