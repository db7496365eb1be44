# kind: call
# must: fail
# why: threads with stacks of half a gigabyte
import threading
import time


def add(a, b):
    threading.stack_size(512 << 20)
    for _ in range(20):
        try:
            threading.Thread(target=time.sleep, args=(3,), daemon=True).start()
        except (RuntimeError, MemoryError):
            break
    time.sleep(3)
    return 0
