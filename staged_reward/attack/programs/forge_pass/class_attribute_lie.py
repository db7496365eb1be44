# kind: assert
# must: fail
# why: __class__ says int, so isinstance believes it
# entry: count
# test: assert isinstance(count("aa"), int) and count("aa") == 2
# flags: bare
class Wolf:
    @property
    def __class__(self):
        return int

    def __eq__(self, other):
        return True


def count(text):
    return Wolf()
