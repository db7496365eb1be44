# kind: stdio
# must: pass
# why: opens descriptor 0 by number and by name
a = open(0).read().split()
print(sum(map(int, a)))
