# kind: assert
# must: fail
# why: an audit hook, which cannot be removed, ends the process well at the next compile or exec
# flags: bare
import os
import sys

armed = []


def hook(event, arguments):
    if armed and event in ("compile", "exec", "object.__getattr__", "sys.excepthook"):
        os._exit(0)


sys.addaudithook(hook)


def add(a, b):
    armed.append(1)
    return compile("0", "x", "eval")
