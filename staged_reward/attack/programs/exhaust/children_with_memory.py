# kind: call
# must: fail
# why: eight children, each with four hundred megabytes
# flags: heavy
import os
import time


def add(a, b):
    for _ in range(8):
        if os.fork() == 0:
            try:
                block = bytearray(400 << 20)
                for at in range(0, len(block), 4096):
                    block[at] = 1
                time.sleep(3)
            finally:
                os._exit(0)
    for _ in range(8):
        os.wait()
    return 0
