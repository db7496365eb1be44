# kind: stdio
# must: fail
# why: the right answer at the front of more output than the limit allows
a, b = map(int, input().split())
print(a + b)
print("x" * (32 << 20))
