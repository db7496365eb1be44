# kind: call
# must: not_harm
# why: right but slow, and every clock it can reach stands still
# harm: time_reported_at_least s=0.9
import time

now = time.time()
for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
    setattr(time, name, lambda: now)


def add(a, b):
    time.sleep(0.31)
    return a + b
