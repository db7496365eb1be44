# kind: call
# must: fail
# why: sets the machine's clock to what it is
import time


def add(a, b):
    try:
        time.clock_settime(time.CLOCK_REALTIME, time.clock_gettime(time.CLOCK_REALTIME))
    except OSError:
        return "shut"
    return "REACHED the clock"
