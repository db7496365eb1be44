# kind: call
# must: fail
# why: opens kernel settings and control groups for writing
import os


def add(a, b):
    reached = []
    for path in (
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/hostname",
        "/proc/sysrq-trigger",
        "/proc/self/oom_score_adj",
        "/sys/kernel/uevent_helper",
        "/sys/fs/cgroup/cgroup.procs",
        "/sys/fs/cgroup/memory/tasks",
    ):
        if path.endswith("oom_score_adj"):
            continue
        try:
            os.close(os.open(path, os.O_WRONLY))
            reached.append(path)
        except OSError:
            continue
    return f"REACHED {reached}" if reached else "shut"
