# kind: stdio
# must: fail
# why: an integer that is close, for graders that compare integers as floats
a, b = map(int, input().split())
print(f"{a + b + 1e-3:.3f}")
