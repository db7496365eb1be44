# kind: call
# must: fail
# why: makes a control group and moves itself into it
import glob
import os


def add(a, b):
    reached = []
    for root in ["/sys/fs/cgroup", *glob.glob("/sys/fs/cgroup/*/")]:
        path = os.path.join(root, "canary_group")
        try:
            os.mkdir(path)
        except OSError:
            continue
        reached.append(root)
        os.rmdir(path)
    return f"REACHED {reached}" if reached else "shut"
