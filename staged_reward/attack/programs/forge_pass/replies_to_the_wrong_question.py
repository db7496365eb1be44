# kind: assert
# must: fail
# why: answers each question about a live object with the answer to the one before
# entry: node
# test: item = node(2)\nassert item.left == 1\nassert item.right == 3\nassert item.value == 2
import itertools

numbers = itertools.count(2)


class Node:
    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return next(numbers)


def node(n):
    return Node()
