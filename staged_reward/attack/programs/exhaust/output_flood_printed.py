# kind: stdio
# must: fail
# why: prints without end
import sys

while True:
    sys.stdout.write("x" * (1 << 16))
