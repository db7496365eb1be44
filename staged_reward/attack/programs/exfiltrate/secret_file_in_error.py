# kind: assert
# must: fail
# why: reads a file outside its folder into an error message
def add(a, b):
    raise ValueError(open("@DIR@/secret.txt").read())
