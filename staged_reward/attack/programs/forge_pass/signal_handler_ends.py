# kind: assert
# must: fail
# why: the limit's own signal is answered by a clean exit
# flags: bare
import os
import signal

for number in (signal.SIGALRM, signal.SIGXCPU, signal.SIGTERM, signal.SIGVTALRM, signal.SIGPROF):
    signal.signal(number, lambda *_: os._exit(0))


def add(a, b):
    os.kill(os.getpid(), signal.SIGTERM)
    while True:
        pass
