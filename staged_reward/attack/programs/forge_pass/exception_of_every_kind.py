# kind: assert
# must: fail
# why: raises one exception that is of every class a test may expect
# entry: check
# test: try:\n    check(-1)\nexcept ValueError:\n    kind = "value"\nassert kind == "value"
# test: try:\n    check("a")\nexcept TypeError:\n    kind = "type"\nassert kind == "type"
# flags: bare
class Everything(ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RuntimeError):
    pass


def check(n):
    raise Everything
