# kind: assert
# must: fail
# why: takes a plain int out of the constants of the code that calls it
# flags: bare
import dis
import sys


def add(a, b):
    frame = sys._getframe(1)
    seen_call = False
    for step in dis.get_instructions(frame.f_code):
        if step.offset > frame.f_lasti and step.opname == "LOAD_CONST":
            return step.argval
        seen_call = seen_call or step.offset == frame.f_lasti
    return None
