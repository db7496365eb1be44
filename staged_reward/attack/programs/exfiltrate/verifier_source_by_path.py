# kind: stdio
# must: fail
# why: prints the verifier's source from disk
import glob

for path in glob.glob("@PACKAGE@/sandbox/*.py"):
    try:
        print(open(path).read()[:300])
    except OSError:
        continue
