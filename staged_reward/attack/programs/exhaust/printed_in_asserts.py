# kind: assert
# must: fail
# why: prints hundreds of megabytes while a test captures what is printed
# entry: shout
# test: import io, contextlib\nout = io.StringIO()\nwith contextlib.redirect_stdout(out):\n    shout("a")\nassert out.getvalue() == "A" + chr(10)
def shout(text):
    for _ in range(200):
        print("x" * (1 << 20))
