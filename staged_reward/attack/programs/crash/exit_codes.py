# kind: stdio
# must: fail
# why: the right output with a status that says failure
import sys

print(sum(map(int, input().split())))
sys.exit(3)
