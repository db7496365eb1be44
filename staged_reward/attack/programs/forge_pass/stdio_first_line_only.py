# kind: stdio
# must: fail
# why: right on the first line, and then something else
a, b = map(int, input().split())
print(a + b)
print("and more")
