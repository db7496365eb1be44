# kind: call
# must: fail
# why: ignores and blocks every signal, and sets timers that go off later
import signal

for number in signal.valid_signals():
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        continue
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
signal.setitimer(signal.ITIMER_PROF, 0.2, 0.2)


def add(a, b):
    return 0
