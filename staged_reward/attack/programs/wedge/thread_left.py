# kind: call
# must: not_harm
# why: right, with a thread that never ends
import threading
import time


def work():
    while True:
        time.sleep(0.1)


def add(a, b):
    threading.Thread(target=work).start()
    return a + b
