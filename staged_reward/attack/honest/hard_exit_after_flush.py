# kind: stdio
# must: pass
# why: the idiom for a fast end: flush, then os._exit
import os
import sys

print(sum(map(int, input().split())))
sys.stdout.flush()
os._exit(0)
