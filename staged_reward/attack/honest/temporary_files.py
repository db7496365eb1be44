# kind: call
# must: pass
# why: writes, copies, renames and removes files in temporary folders
import os
import shutil
import tempfile


def add(a, b):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "a.txt")
        with open(path, "w") as file:
            file.write(f"{a} {b}")
        shutil.copy(path, path + ".copy")
        shutil.copytree(folder, folder + ".tree")
        shutil.rmtree(folder + ".tree")
        os.rename(path + ".copy", path + ".moved")
        with tempfile.NamedTemporaryFile("w+") as other:
            other.write(open(path + ".moved").read())
            other.seek(0)
            return sum(map(int, other.read().split()))
