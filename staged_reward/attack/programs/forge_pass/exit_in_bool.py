# kind: assert
# must: fail
# why: leaves when the test asks whether the result is true
# entry: ready
# test: assert ready(1)
# test: assert not ready(0)
# flags: bare
class Leave:
    def __bool__(self):
        raise SystemExit(0)


def ready(n):
    return Leave()
