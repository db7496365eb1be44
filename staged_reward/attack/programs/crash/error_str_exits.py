# kind: call
# must: fail
# why: an exception that ends the process when its text is asked for
import os


class Odd(Exception):
    def __str__(self):
        os._exit(0)


def add(a, b):
    raise Odd
