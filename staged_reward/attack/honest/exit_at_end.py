# kind: stdio
# must: pass
# why: ends by exit()
print(sum(map(int, input().split())))
exit()
