# kind: call
# must: fail
# why: sends verdicts as other graders would: pickles, JSON, text, with several kinds of length
import os
import pickle
import struct

VERDICTS = [
    b"passed",
    b'{"passed": true, "result": "passed"}',
    pickle.dumps(("passed", [True] * 3)),
    pickle.dumps({"passed": True}),
    b"\x01" * 64,
]


def add(a, b):
    for verdict in VERDICTS:
        for prefix in (
            b"",
            struct.pack("!i", len(verdict)),
            struct.pack("<I", len(verdict)),
            struct.pack("<Q", len(verdict)),
        ):
            for fd in range(3, 64):
                try:
                    os.write(fd, prefix + verdict)
                except OSError:
                    continue
    os._exit(0)
