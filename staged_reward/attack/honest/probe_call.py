# kind: call
# must: pass
# why: finds its process as fresh as the first program does
import builtins
import decimal
import heapq
import json
import locale
import os
import random
import resource
import signal
import sys
import threading
import time


def how_this_probe_looks():
    if decimal.getcontext().prec != 28 or str(decimal.Decimal(1) / 8) != "0.125":
        yield "decimal"
    if not 900 <= sys.getrecursionlimit() <= 10_000 or sys.get_int_max_str_digits() != 4300:
        yield "limits of the interpreter"
    if json.loads("[1]") != [1] or heapq.nsmallest(1, [2, 1]) != [1] or builtins.sum([1, 2]) != 3:
        yield "modules"
    if "canary" in repr(sorted(os.environ.items())).lower() or "/canary" in os.environ.get("HOME", ""):
        yield "environment"
    if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL or signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL:
        yield "signal handlers"
    if signal.pthread_sigmask(signal.SIG_BLOCK, []) or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield "signal mask or timers"
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 64 or threading.active_count() != 1:
        yield "limits or threads"
    if (
        os.umask(0o22) & 0o700
        or locale.localeconv()["decimal_point"] != "."
        or time.localtime(0).tm_hour != time.gmtime(0).tm_hour
    ):
        yield "umask, locale or time zone"
    if not 0 <= random.random() < 1 or sys.gettrace() or sys.getprofile():
        yield "random or tracing"
    if os.listdir("."):
        yield f"files: {os.listdir('.')[:5]}"
    with open("probe", "w") as file:
        file.write("x")
    os.unlink("probe")


problems = list(how_this_probe_looks())
if problems:
    raise RuntimeError("the probe found: " + ", ".join(problems))


def add(a, b):
    return a + b
