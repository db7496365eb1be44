# kind: assert
# must: fail
# why: stops reading what it is asked, so that whoever asks blocks
# entry: keep
# test: box = keep([])\nfor n in range(300):\n    box.add(bytes(20000))\nassert box.size() == 301
import time


class Box:
    def add(self, item):
        time.sleep(30)


def keep(items):
    return Box()
