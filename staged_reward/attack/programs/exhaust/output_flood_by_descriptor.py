# kind: stdio
# must: fail
# why: writes to descriptors 1 and 2 without end
import os

block = b"y" * (1 << 16)
while True:
    os.write(1, block)
    os.write(2, block)
