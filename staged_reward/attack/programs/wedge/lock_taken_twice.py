# kind: call
# must: fail
# why: waits for a lock that it holds itself
import threading

lock = threading.Lock()


def add(a, b):
    lock.acquire()
    lock.acquire()
