# kind: call
# must: fail
# why: opens the verifier's own source for writing
import glob
import os


def add(a, b):
    reached = []
    for path in glob.glob("@PACKAGE@/*.py")[:3] + glob.glob("@PACKAGE@/sandbox/__pycache__/*.pyc")[:3]:
        try:
            os.close(os.open(path, os.O_RDWR))
            reached.append(path)
        except OSError:
            continue
    return f"REACHED {len(reached)} files" if reached else "shut"
