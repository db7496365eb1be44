# kind: call
# must: fail
# why: returns a list that holds itself
# task: double_all
def double_all(items):
    result = [2]
    result.append(result)
    return result
