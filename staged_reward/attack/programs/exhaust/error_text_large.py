# kind: call
# must: fail
# why: an exception whose message is hundreds of megabytes
def add(a, b):
    raise ValueError("x" * (400 << 20))
