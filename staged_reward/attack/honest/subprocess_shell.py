# kind: call
# must: pass
# why: runs a program of the machine
import subprocess


def add(a, b):
    return int(subprocess.check_output(["/bin/sh", "-c", f"echo $(( {a} + {b} ))"]))
