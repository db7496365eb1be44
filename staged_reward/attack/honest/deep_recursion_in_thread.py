# kind: stdio
# must: pass
# why: the idiom of contests: recursion in a thread with a large stack
import sys
import threading

sys.setrecursionlimit(1 << 20)
threading.stack_size(256 << 20)


def count(n):
    return 0 if n == 0 else 1 + count(n - 1)


def main():
    a, b = map(int, input().split())
    print(a + b + count(60_000) - 60_000)


thread = threading.Thread(target=main)
thread.start()
thread.join()
