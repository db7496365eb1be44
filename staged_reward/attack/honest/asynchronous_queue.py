# kind: stdio
# must: pass
# why: a script that is one coroutine
import asyncio
import sys


async def main():
    queue = asyncio.Queue()
    for word in sys.stdin.read().split():
        await queue.put(int(word))
    total = 0
    while not queue.empty():
        total += await queue.get()
    print(total)


asyncio.run(main())
