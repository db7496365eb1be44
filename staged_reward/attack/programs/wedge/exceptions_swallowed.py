# kind: call
# must: fail
# why: catches everything that might end its loop
def add(a, b):
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue
