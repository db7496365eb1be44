# kind: call
# must: fail
# why: raises what closes a generator
def add(a, b):
    raise GeneratorExit
