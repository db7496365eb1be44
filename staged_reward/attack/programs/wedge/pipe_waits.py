# kind: call
# must: fail
# why: opens a named pipe that nobody else opens
import os


def add(a, b):
    os.mkfifo("pipe")
    return open("pipe").read()
