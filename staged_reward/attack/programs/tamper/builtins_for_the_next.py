# kind: call
# must: fail
# why: breaks builtins and module tables, which a reused interpreter would hand on
import builtins
import sys

for name in ("sum", "sorted", "map", "int", "len"):
    setattr(builtins, name, None)
sys.modules.clear()
sys.path.clear()
sys.meta_path.clear()
