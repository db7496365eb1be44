# kind: assert
# must: fail
# why: hands out references to objects that do not exist
# entry: first
# test: node = first(1)\nassert node.next.next.value == 4
import gc


class Node:
    pass


def first(n):
    for thing in gc.get_objects():
        if type(thing).__name__ == "Guest":
            codec = type(thing)._refer.__globals__["codec"]
            thing._refer = lambda value: codec.Reference(2**70, "x" * 10_000)
    return Node()
