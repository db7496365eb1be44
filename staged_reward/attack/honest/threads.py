# kind: call
# must: pass
# why: sums in threads
import threading


def add(a, b):
    parts = []
    threads = [threading.Thread(target=parts.append, args=(n,)) for n in (a, b, 0, 0, 0, 0)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(parts)
