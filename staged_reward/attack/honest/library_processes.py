# kind: call
# must: pass
# why: forks, waits, and reads a pipe
import os


def add(a, b):
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, str(a + b).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    return int(os.read(reader, 100))
