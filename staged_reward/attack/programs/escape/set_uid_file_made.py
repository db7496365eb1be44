# kind: call
# must: fail
# why: makes a set-uid copy of a shell, for the next user who passes by
import os
import shutil
import stat


def add(a, b):
    try:
        shutil.copy("/bin/true", "/tmp/canary_suid")
        os.chmod("/tmp/canary_suid", 0o4755)
    except OSError:
        pass
    try:
        shutil.copy("/bin/true", "suid")
        os.chmod("suid", 0o4755)
    except OSError:
        return "shut"
    return "made inside" if os.stat("suid").st_mode & stat.S_ISUID else "shut"
