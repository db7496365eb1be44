# kind: call
# must: fail
# why: threads until there are no more
import threading
import time


def add(a, b):
    try:
        for _ in range(2000):
            threading.Thread(target=time.sleep, args=(5,), daemon=True).start()
    except RuntimeError:
        pass
    time.sleep(5)
    return 0
