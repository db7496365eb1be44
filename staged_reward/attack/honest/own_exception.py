# kind: assert
# must: pass
# why: raises an exception class of its own, which the test catches by name
# entry: check_age
# test: try:\n    check_age(-1)\nexcept AgeError as error:\n    caught = str(error)\nassert caught == "negative"
# test: assert check_age(3) == 3
class AgeError(ValueError):
    pass


def check_age(age):
    if age < 0:
        raise AgeError("negative")
    return age
