# kind: stdio
# must: fail
# why: fails with an error text of megabytes
import sys

sys.stderr.write("canary " * 500_000)
raise SystemExit(1)
