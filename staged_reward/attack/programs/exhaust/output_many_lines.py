# kind: stdio
# must: fail
# why: a million empty lines
import os

os.write(1, b"\n" * 1_000_000)
