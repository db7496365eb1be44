# kind: call
# must: fail
# why: folders and files that nobody may open, read or list
# harm: cwd_removed
import os


def add(a, b):
    for n in range(50):
        os.makedirs(f"a{n}/b/c", exist_ok=True)
        open(f"a{n}/b/c/f", "w").close()
        for path in (f"a{n}/b/c/f", f"a{n}/b/c", f"a{n}/b", f"a{n}"):
            try:
                os.chmod(path, 0)
            except OSError:
                continue
    try:
        os.chmod(".", 0)
    except OSError:
        pass
    return 0
