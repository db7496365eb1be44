# kind: call
# must: fail
# why: changes the environment, the time zone, the locale and the mask of new files
import locale
import os
import time

os.environ.update(TZ="Pacific/Kiritimati", LANG="tr_TR.UTF-8", PYTHONPATH="/canary", HOME="/canary", CANARY_LEFT="1")
os.putenv("CANARY_LEFT", "1")
time.tzset()
os.umask(0o777)
for name in ("tr_TR.UTF-8", "de_DE.UTF-8", "C"):
    try:
        locale.setlocale(locale.LC_ALL, name)
        break
    except locale.Error:
        continue


def add(a, b):
    return 0
