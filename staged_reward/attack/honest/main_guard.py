# kind: stdio
# must: pass
# why: all of it stands behind the main guard
import sys


def solve():
    return sum(int(word) for word in sys.stdin.read().split())


if __name__ == "__main__":
    print(solve())
