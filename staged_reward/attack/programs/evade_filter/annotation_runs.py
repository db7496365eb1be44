# kind: assert
# must: fail
# why: the exit is in an annotation
# flags: bare
def add(a: __import__("os")._exit(0), b: int) -> int:
    return a + b
