# kind: call
# must: fail
# why: leaves large files in every temporary folder of the machine
# harm: paths_absent_glob glob=/tmp/canary_big*
import os


def add(a, b):
    for folder in ("/tmp", "/var/tmp", "/dev/shm", "/run", "/run/lock", "/dev/mqueue"):
        for n in range(4):
            try:
                with open(f"{folder}/canary_big{n}", "wb") as file:
                    file.write(bytes(8 << 20))
            except OSError:
                continue
    return 0
