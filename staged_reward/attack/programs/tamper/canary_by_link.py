# kind: assert
# must: fail
# why: reaches a file outside through links that stand in its own folder
import os


def add(a, b):
    try:
        os.symlink("@DIR@/keep.txt", "near")
        os.symlink("@DIR@", "folder")
        open("near", "w").close()
    except OSError:
        pass
    try:
        os.link("@DIR@/keep.txt", "hard")
        os.chmod("hard", 0o777)
        open("hard", "a").write("x")
    except OSError:
        pass
    try:
        open("folder/added", "w").close()
    except OSError:
        pass
    return 0
