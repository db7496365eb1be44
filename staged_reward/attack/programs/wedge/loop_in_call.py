# kind: call
# must: fail
# why: never returns
def add(a, b):
    while a is not b or True:
        pass
