# kind: assert
# must: fail
# why: ends inside a string, which swallows what a grader appends
def add(a, b):
    return None


_ = """
