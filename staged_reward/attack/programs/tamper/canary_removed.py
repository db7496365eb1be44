# kind: assert
# must: fail
# why: removes, renames and truncates files outside its folder
import os


def add(a, b):
    for step in (
        lambda: os.truncate("@DIR@/keep.txt", 0),
        lambda: os.rename("@DIR@/sub/f", "@DIR@/sub/g"),
        lambda: os.unlink("@DIR@/keep.txt"),
        lambda: os.rmdir("@DIR@/sub"),
    ):
        try:
            step()
        except OSError:
            pass
    return 0
