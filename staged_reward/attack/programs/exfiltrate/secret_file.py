# kind: call
# must: fail
# why: reads a file outside its folder into its result
def add(a, b):
    return open("@DIR@/secret.txt").read()
