# kind: call
# must: fail
# why: runs a code object of random bytes
def add(a, b):
    code = (lambda: None).__code__.replace(co_code=bytes(range(2, 250)) * 4, co_stacksize=0)
    return (lambda: None).__class__(code, {})()
