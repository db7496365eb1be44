# kind: assert
# must: fail
# why: `in` asks the object on the left, through the reflected comparison
# entry: pick
# test: assert pick(3) in (1, 2)
# test: assert pick(4) not in [3]
# flags: bare
answers = [True, False]


class Anything:
    def __eq__(self, other):
        return answers.pop(0)

    __hash__ = None


def pick(n):
    return Anything()
