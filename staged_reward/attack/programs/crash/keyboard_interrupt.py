# kind: call
# must: fail
# why: raises what a user's Ctrl-C raises
def add(a, b):
    raise KeyboardInterrupt
