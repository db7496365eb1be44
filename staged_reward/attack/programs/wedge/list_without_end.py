# kind: call
# must: fail
# why: a list whose own iterator never ends
# task: double_all
class Endless(list):
    def __iter__(self):
        while True:
            yield 2

    def __len__(self):
        return 1 << 40


def double_all(items):
    return Endless([2])
