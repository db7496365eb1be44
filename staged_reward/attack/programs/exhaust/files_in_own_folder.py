# kind: call
# must: fail
# why: fills its own folder with files of the size it is allowed
# flags: heavy
import os


def add(a, b):
    block = bytes(8 << 20)
    for n in range(128):
        try:
            with open(f"f{n}", "wb") as file:
                file.write(block)
        except OSError:
            break
    return 0
