# kind: stdio
# must: fail
# why: no difference from nan is larger than a tolerance
print(float("nan"))
