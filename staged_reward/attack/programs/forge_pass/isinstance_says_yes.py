# kind: assert
# must: fail
# why: the test of a type asks the program's own isinstance
# entry: parse
# test: assert isinstance(parse("1,2"), list)
# test: assert len(parse("1,2,3")) == 3
# flags: bare
import builtins

builtins.isinstance = lambda thing, kinds: True
builtins.len = lambda thing: 3


def parse(text):
    return text
