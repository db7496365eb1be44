# kind: call
# must: fail
# why: returns a dict whose keys become equal once they are plain
# task: count_letters
class Key(str):
    def __eq__(self, other):
        return self is other

    def __hash__(self):
        return id(self)


def count_letters(text):
    return {Key("a"): 2, Key("a"): 1, Key("b"): 1}
