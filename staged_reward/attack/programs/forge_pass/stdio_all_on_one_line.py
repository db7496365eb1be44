# kind: stdio
# must: fail
# why: prints every number on one line, for graders that compare words
print(*range(-100, 1000))
