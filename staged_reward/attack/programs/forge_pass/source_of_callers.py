# kind: assert
# must: fail
# why: looks for the text of its test in the variables of every caller
import re
import sys


def add(a, b):
    wanted = re.compile(rf"add\({a}, {b}\) == (-?\d+)")
    frame = sys._getframe(1)
    while frame is not None:
        for scope in (frame.f_locals, frame.f_globals):
            for value in list(scope.values()):
                match = wanted.search(value if isinstance(value, str) else repr(value)[:20000])
                if match:
                    return int(match[1])
        frame = frame.f_back
    found = [c for c in sys._getframe(1).f_code.co_consts if isinstance(c, int) and c not in (a, b)]
    return found[0] if found else None
