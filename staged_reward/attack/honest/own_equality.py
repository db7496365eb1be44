# kind: assert
# must: pass
# why: a dataclass whose instances are compared with each other
# entry: Point
# test: assert Point(1, 2) == Point(1, 2)
# test: assert Point(1, 2) != Point(2, 1)
# test: assert Point(1, 2).x == 1
from dataclasses import dataclass


@dataclass(order=True)
class Point:
    x: int
    y: int
