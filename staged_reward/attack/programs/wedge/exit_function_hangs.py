# kind: stdio
# must: fail
# why: an exit function that never returns
import atexit
import time

atexit.register(time.sleep, 3600)
print(sum(map(int, input().split())))
