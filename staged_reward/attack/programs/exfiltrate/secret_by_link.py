# kind: stdio
# must: fail
# why: leaves a link in its folder and reads through it, and through a hard link
import os

for make in (os.symlink, os.link):
    try:
        make("@DIR@/secret.txt", make.__name__)
        print(open(make.__name__).read())
    except OSError as error:
        print(error)
