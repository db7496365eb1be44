# kind: call
# must: fail
# why: removes the folder that it runs in
import os
import shutil


def add(a, b):
    here = os.getcwd()
    shutil.rmtree(here, ignore_errors=True)
    return os.getcwd()
