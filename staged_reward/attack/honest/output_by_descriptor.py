# kind: stdio
# must: pass
# why: reads and writes by descriptor
import os

data = b""
while chunk := os.read(0, 1 << 16):
    data += chunk
os.write(1, b"%d\n" % sum(map(int, data.split())))
