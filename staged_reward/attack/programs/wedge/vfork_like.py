# kind: call
# must: fail
# why: waits for a program that it started and that ignores everything
import subprocess


def add(a, b):
    subprocess.run(["/bin/sh", "-c", "trap '' TERM INT HUP; sleep 10"])
