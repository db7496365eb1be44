# kind: stdio
# must: fail
# why: prints a file outside its folder
print(open("@DIR@/secret.txt").read())
