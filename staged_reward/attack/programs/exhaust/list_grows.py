# kind: call
# must: fail
# why: a list that doubles up to three gigabytes
def add(a, b):
    items = [0] * 1024
    while len(items) < 3 << 27:
        items = items + items
    return len(items)
