# kind: call
# must: fail
# why: returns a dict that holds itself, and a tuple that does
# task: count_letters
def count_letters(text):
    result = {}
    result["a"] = (result,)
    return result
