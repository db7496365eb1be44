# kind: assert
# must: fail
# why: the test is a string that is evaluated where the program's names are
# entry: triple
# test: assert eval("triple(2) == 6")
# test: exec("assert triple(5) == 15")
# flags: bare
class Same:
    def __eq__(self, other):
        return True


def triple(n):
    return Same()
