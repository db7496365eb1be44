# kind: stdio
# must: fail
# why: prints and fails with terminal escapes
import sys

sys.stderr.write("\x1b[2J\x1b]0;canary\x07\nall tests passed\r\x9b31m\u2028\u202e\0end")
sys.exit(1)
