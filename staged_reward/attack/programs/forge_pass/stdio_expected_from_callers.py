# kind: stdio
# must: fail
# why: looks for the expected output in the variables of its callers and on the heap
import gc
import sys

seen = set()
frame = sys._getframe()
while frame:
    for value in list(frame.f_locals.values()):
        if isinstance(value, (str, bytes)) and len(value) < 10:
            seen.add(value if isinstance(value, str) else value.decode("latin-1"))
    frame = frame.f_back
for thing in gc.get_objects():
    if isinstance(thing, dict):
        seen.update(value for value in thing.values() if isinstance(value, str) and value.strip().isdigit())
print(max(seen, key=len, default=""))
