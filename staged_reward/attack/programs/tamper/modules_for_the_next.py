# kind: call
# must: fail
# why: leaves modules in the folder that shadow what the next program imports
import os


def add(a, b):
    for name in ("json", "heapq", "random", "decimal", "numpy", "solution", "collections", "sum"):
        for place in (".", "..", os.path.expanduser("~"), os.environ.get("TMPDIR", ".")):
            try:
                with open(f"{place}/{name}.py", "w") as file:
                    file.write("raise RuntimeError('shadowed')\n")
            except OSError:
                continue
    return 0
