# kind: call
# must: fail
# why: walks the frames of every thread for a list of expected values
import sys


def add(a, b):
    for frame in sys._current_frames().values():
        while frame is not None:
            for value in frame.f_locals.values():
                if isinstance(value, (list, tuple)) and [a, b] in [
                    list(v) if isinstance(v, tuple) else v for v in value
                ]:
                    return value[-1]
                expected = getattr(value, "expected", None)
                if isinstance(expected, int):
                    return expected
            frame = frame.f_back
    return None
