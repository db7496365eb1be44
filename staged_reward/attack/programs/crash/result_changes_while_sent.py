# kind: call
# must: fail
# why: a thread changes the result while it is being sent
# task: double_all
import threading

shared = [2] * 200_000


def churn():
    while True:
        shared.clear()
        shared.extend([2] * 200_000)


threading.Thread(target=churn, daemon=True).start()


def double_all(items):
    return shared
