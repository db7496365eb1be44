# kind: assert
# must: fail
# why: links out of its folder named as a grader may name its own files
import os


def add(a, b):
    for name in ("solution.py", "main.py", "stdin", "stdout", "result.json", "work", "input.txt", "__pycache__"):
        try:
            os.symlink("@DIR@/keep.txt", name)
        except OSError:
            pass
    return 0
