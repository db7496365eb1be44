# kind: assert
# must: fail
# why: what the test imports is a module of the program's making
# entry: third
# test: import math\nassert math.isclose(third(1), 1 / 3)
# flags: bare
import sys
import types

fake = types.ModuleType("math")
fake.isclose = lambda *args, **options: True
sys.modules["math"] = fake


def third(n):
    return 0.0
