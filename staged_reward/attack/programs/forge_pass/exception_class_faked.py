# kind: assert
# must: fail
# why: the test expects an exception, and the program's own class answers for its name
# entry: divide
# test: try:\n    divide(1, 0)\nexcept ZeroDivisionError:\n    caught = True\nelse:\n    caught = False\nassert caught
# test: assert divide(6, 3) == 2
class Trick(ZeroDivisionError):
    def __init__(self):
        super().__init__("no")


def divide(a, b):
    raise Trick
