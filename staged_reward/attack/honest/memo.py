# kind: call
# must: pass
# why: keeps state between its tests
from functools import lru_cache

seen = {}


@lru_cache(maxsize=None)
def add(a, b):
    seen[a, b] = a + b
    return seen[a, b]
