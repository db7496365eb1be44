# kind: stdio
# must: pass
# why: a script that finds its process, input and output as they should be
import os
import signal
import sys
import threading

if os.listdir(".") or threading.active_count() != 1 or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
    raise RuntimeError(f"the probe found: {os.listdir('.')[:5]}, {threading.enumerate()}")
if sys.stdin.encoding.lower() != "utf-8" or os.fstat(1).st_size:
    raise RuntimeError("the probe found other streams")
print(sum(map(int, sys.stdin.read().split())))
