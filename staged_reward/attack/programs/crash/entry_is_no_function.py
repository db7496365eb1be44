# kind: call
# must: fail
# why: the entry point is an object that raises when it is called, looked at or looked up
class Entry:
    def __getattribute__(self, name):
        raise SystemExit(0)

    def __call__(self, *args):
        raise GeneratorExit


add = Entry()
