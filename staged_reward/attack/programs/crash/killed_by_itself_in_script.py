# kind: stdio
# must: fail
# why: a script that kills itself
import os
import signal

os.kill(os.getpid(), signal.SIGKILL)
