# kind: assert
# must: fail
# why: quotes the verifier's source in an error message
import inspect
import sys


def add(a, b):
    frame = sys._getframe(1)
    text = ""
    while frame:
        try:
            text += inspect.getsource(frame.f_code)[-300:]
        except (OSError, TypeError):
            pass
        frame = frame.f_back
    raise ValueError(text[-390:])
