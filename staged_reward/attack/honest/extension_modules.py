# kind: call
# must: pass
# why: loads extension modules late
def add(a, b):
    import bz2
    import ctypes
    import hashlib
    import lzma
    import secrets
    import unicodedata
    import uuid
    import zlib

    assert (
        zlib.decompress(zlib.compress(b"a"))
        == lzma.decompress(lzma.compress(b"a"))
        == bz2.decompress(bz2.compress(b"a"))
    )
    assert hashlib.sha256(b"").hexdigest().startswith("e3b0") and unicodedata.name("a") == "LATIN SMALL LETTER A"
    assert uuid.uuid4() != uuid.uuid4() and 0 <= secrets.randbelow(5) < 5 and ctypes.sizeof(ctypes.c_int) == 4
    return a + b
