# kind: stdio
# must: fail
# why: a script that stops itself
import os
import signal

os.kill(os.getpid(), signal.SIGSTOP)
