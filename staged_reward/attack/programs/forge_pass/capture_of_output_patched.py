# kind: assert
# must: fail
# why: a test that captures what is printed reads it from the program's own StringIO
# entry: greet
# test: import io, contextlib\nout = io.StringIO()\nwith contextlib.redirect_stdout(out):\n    greet("you")\nassert out.getvalue() == "hello you" + chr(10)
# flags: bare
import io


class Lying(str):
    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


io.StringIO = type("StringIO", (io.StringIO,), {"getvalue": lambda self: Lying("x")})


def greet(name):
    print("go away")
