# kind: call
# must: fail
# why: a callback of the collector that never returns
import gc


def hang(phase, info):
    while True:
        pass


def add(a, b):
    gc.callbacks.append(hang)
    gc.collect()
