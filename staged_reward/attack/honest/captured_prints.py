# kind: assert
# must: pass
# why: prints, and the test captures it
# entry: greet
# test: import io, contextlib\nout = io.StringIO()\nwith contextlib.redirect_stdout(out):\n    greet("you")\nassert out.getvalue() == "hello you" + chr(10)
def greet(name):
    print("hello", name)
