# kind: assert
# must: fail
# why: a thread ends the process well while the tests run
# flags: bare
import os
import threading


def add(a, b):
    thread = threading.Thread(target=os._exit, args=(0,))
    thread.start()
    thread.join()
