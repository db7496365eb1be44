# kind: assert
# must: fail
# why: the type itself says that it equals every other
# entry: total
# test: assert type(total([1])) == int and total([1]) == 1
# flags: bare
class Meta(type):
    def __eq__(cls, other):
        return True

    __hash__ = type.__hash__


class Sheep(metaclass=Meta):
    def __eq__(self, other):
        return True


def total(items):
    return Sheep()
