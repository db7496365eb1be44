# kind: stdio
# must: fail
# why: prints its environment
import os

print(sorted(os.environ.items())[::-1])
print(os.environ.get("CANARY_SECRET"))
