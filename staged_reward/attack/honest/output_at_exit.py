# kind: stdio
# must: pass
# why: collects its output and writes it when the interpreter ends
import atexit
import io
import sys

buffer = io.BytesIO()
sys.stdout = io.TextIOWrapper(buffer, encoding="utf-8", write_through=True)
atexit.register(lambda: sys.__stdout__.write(buffer.getvalue().decode()))
print(sum(map(int, sys.stdin.read().split())))
