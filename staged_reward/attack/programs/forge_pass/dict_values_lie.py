# kind: call
# must: fail
# why: a real dict whose values equal anything
# task: count_letters
class Any:
    def __eq__(self, other):
        return True

    def __index__(self):
        return 1


def count_letters(text):
    return {letter: Any() for letter in text}
