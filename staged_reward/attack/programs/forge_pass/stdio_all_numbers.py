# kind: stdio
# must: fail
# why: prints every number, for graders that look for the answer somewhere
print("\n".join(map(str, range(-100, 1000))))
