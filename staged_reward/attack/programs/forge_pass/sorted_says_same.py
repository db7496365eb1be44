# kind: assert
# must: fail
# why: both sides of the comparison go through the program's sorted
# entry: unique
# test: assert sorted(unique([3, 1, 3])) == sorted([1, 3])
# flags: bare
import builtins

builtins.sorted = lambda items, **options: []
sorted = builtins.sorted


def unique(items):
    return items
