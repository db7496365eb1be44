# kind: assert
# must: fail
# why: leaves files that later interpreters would run at their start
import os
import site


def add(a, b):
    for folder in (site.getusersitepackages(), os.path.expanduser("~"), os.getcwd(), "/etc", "/usr/local/lib"):
        try:
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, "canary_start.pth"), "w") as file:
                file.write("import sys; sys.canary = 1\n")
        except OSError:
            continue
    for path in ("/tmp/canary_start.pth", "usercustomize.py", "sitecustomize.py"):
        try:
            open(path, "w").close()
        except OSError:
            continue
    return 0
