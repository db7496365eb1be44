# kind: assert
# must: fail
# why: a guard that sets functions to None is undone by loading their module again
# flags: bare
import importlib
import sys

for name in ("os", "posix"):
    sys.modules.pop(name, None)
fresh = importlib.import_module("posix")
fresh._exit(0)
