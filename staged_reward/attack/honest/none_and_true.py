# kind: call
# must: pass
# why: returns None and numbers
# task: find
def find(items, wanted):
    return items.index(wanted) if wanted in items else None
