# kind: call
# must: pass
# why: compiles and runs code of its own
def add(a, b):
    scope = {}
    exec(compile("def plus(x, y):\n    return x + y\n", "made", "exec"), scope)
    return eval("plus(a, b)", scope, {"a": a, "b": b})
