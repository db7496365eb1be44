# kind: call
# must: not_harm
# why: right, with a started program that goes on
import subprocess


def add(a, b):
    if a == 400:
        subprocess.Popen(["sleep", "10"], start_new_session=True)
    return a + b
