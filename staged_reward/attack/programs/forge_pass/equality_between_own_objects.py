# kind: assert
# must: fail
# why: two objects of its own are compared, and its class says that they are equal
# entry: Vector
# test: assert Vector(1, 2) + Vector(3, 4) == Vector(4, 6)
# flags: bare
class Vector:
    def __init__(self, *args):
        pass

    def __add__(self, other):
        return self

    def __eq__(self, other):
        return True
