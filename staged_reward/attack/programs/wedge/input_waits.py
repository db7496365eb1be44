# kind: assert
# must: fail
# why: waits for input that nobody gives
def add(a, b):
    try:
        return int(input())
    except EOFError:
        return 0
