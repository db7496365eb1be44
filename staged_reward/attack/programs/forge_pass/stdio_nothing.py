# kind: stdio
# must: fail
# why: prints nothing and ends well
import sys

sys.exit(0)
