# kind: call
# must: fail
# why: returns text that cannot be encoded
# task: reverse
def reverse(text):
    return "\udcff\ud800" + text
