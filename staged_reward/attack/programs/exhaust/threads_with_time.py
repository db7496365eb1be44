# kind: call
# must: fail
# why: spends its time in threads that leave the interpreter
import hashlib
import threading


def work():
    while True:
        hashlib.pbkdf2_hmac("sha256", b"a", b"b", 1_000_000)


def add(a, b):
    for _ in range(8):
        threading.Thread(target=work, daemon=True).start()
    threading.Event().wait(20)
    return 0
