# kind: call
# must: fail
# why: a thread with a small stack recurses until it ends
import sys
import threading


def down(n):
    return down(n + 1) + 1


def add(a, b):
    sys.setrecursionlimit(10**8)
    threading.stack_size(64 << 10)
    thread = threading.Thread(target=down, args=(0,))
    thread.start()
    thread.join()
    return 0
