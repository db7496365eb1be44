# kind: stdio
# must: fail
# why: closes descriptor 1, and then prints
import os

os.close(1)
print(sum(map(int, input().split())))
