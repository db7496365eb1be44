# kind: stdio
# must: pass
# why: rebinds input, and reads bytes
import sys

input = sys.stdin.buffer.readline
print(sum(map(int, input().split())))
