# kind: stdio
# must: fail
# why: a child stops and wakes the script's host again and again
import os
import signal
import time

host = os.getppid()
if os.fork() == 0:
    for _ in range(200):
        for number in (signal.SIGSTOP, signal.SIGCONT):
            try:
                os.kill(host, number)
            except OSError:
                os._exit(0)
        time.sleep(0.01)
    os._exit(0)
print("done")
