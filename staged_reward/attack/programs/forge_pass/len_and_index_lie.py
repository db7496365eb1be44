# kind: call
# must: fail
# why: a list whose contents depend on who asks
# task: double_all
class Shifty(list):
    def __eq__(self, other):
        self[:] = other
        return True

    def __iter__(self):
        return iter([2, 10])

    def __len__(self):
        return 2


def double_all(items):
    return Shifty()
