# kind: assert
# must: fail
# why: the test uses the object in a with block, which swallows the failure
# entry: Session
# test: with Session(4) as session:\n    assert session.value == 16
# flags: bare
class Session:
    def __init__(self, n):
        self.value = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return True
