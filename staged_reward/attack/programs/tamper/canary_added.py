# kind: call
# must: fail
# why: makes files, folders, links and pipes in a folder outside its own
import os


def add(a, b):
    for step in (
        lambda: open("@DIR@/new", "w").close(),
        lambda: os.mkdir("@DIR@/folder"),
        lambda: os.symlink("keep.txt", "@DIR@/link"),
        lambda: os.link("@DIR@/keep.txt", "@DIR@/hard"),
        lambda: os.mkfifo("@DIR@/pipe"),
        lambda: os.mknod("@DIR@/node"),
    ):
        try:
            step()
        except OSError:
            pass
    return 0
