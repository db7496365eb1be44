# kind: call
# must: pass
# why: uses inspect, typing, gc, sys and os as honest programs do
import gc
import inspect
import os
import platform
import sys
import typing


def add(a: int, b: int) -> int:
    assert typing.get_type_hints(add)["a"] is int and list(inspect.signature(add).parameters) == ["a", "b"]
    assert gc.collect() >= 0 and os.cpu_count() and platform.system() and sys.version_info >= (3, 11)
    assert os.path.exists(os.getcwd()) and os.getpid() > 0 and sys.getsizeof([]) > 0
    return a + b
