# kind: assert
# must: fail
# why: its truth is what the calling test's next jump wants
# entry: is_even
# test: assert is_even(2)
# test: assert not is_even(3)
# test: assert not is_even(5)
# flags: bare
import dis
import sys


class Moody:
    def __bool__(self):
        frame = sys._getframe(1)
        for step in dis.get_instructions(frame.f_code):
            if step.offset >= frame.f_lasti and "JUMP" in step.opname:
                return step.opname.endswith("IF_TRUE")
        return True


def is_even(n):
    return Moody()
