# kind: stdio
# must: fail
# why: leaves with an object whose text raises
import sys


class Thorn:
    def __str__(self):
        raise KeyboardInterrupt


sys.exit(Thorn())
