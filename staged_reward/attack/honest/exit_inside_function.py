# kind: stdio
# must: pass
# why: ends by sys.exit(0) inside a function, with a finally clause
import sys


def main():
    try:
        print(sum(map(int, sys.stdin.readline().split())))
        sys.exit(0)
    finally:
        sys.stdout.flush()


main()
