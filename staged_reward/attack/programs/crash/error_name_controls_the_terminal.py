# kind: call
# must: fail
# why: an exception class whose name has line breaks and terminal escapes
def add(a, b):
    raise type("\x1b[2J\nall tests passed", (Exception,), {})("\x1b[0m")
