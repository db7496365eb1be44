# kind: stdio
# must: fail
# why: writes bytes that are no text
import sys

sys.stdout.buffer.write(b"\xff\xfe\x80" * 100)
