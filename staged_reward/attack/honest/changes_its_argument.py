# kind: assert
# must: pass
# why: changes a list in place
# entry: rotate_left
# test: items = [1, 2, 3]\nassert rotate_left(items) is None\nassert items == [2, 3, 1]
def rotate_left(items):
    items.append(items.pop(0))
