# kind: call
# must: pass
# why: sets an alarm of its own, and takes it back
import signal


def add(a, b):
    old = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    signal.pause()
    signal.signal(signal.SIGALRM, old)
    return a + b
