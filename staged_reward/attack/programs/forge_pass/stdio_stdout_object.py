# kind: stdio
# must: fail
# why: puts an object in the place of stdout whose contents equal anything
import io
import sys


class Text(str):
    def __eq__(self, other):
        return True

    def strip(self, *args):
        return self

    def split(self, *args):
        return [self]


class Out(io.StringIO):
    def getvalue(self):
        return Text("x")


sys.stdout = sys.__stdout__ = Out()
print(1)
