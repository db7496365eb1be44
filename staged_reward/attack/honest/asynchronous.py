# kind: call
# must: pass
# why: an event loop, which needs a pair of sockets
import asyncio


async def later(n):
    await asyncio.sleep(0.001)
    return n


def add(a, b):
    async def both():
        return sum(await asyncio.gather(later(a), later(b)))

    return asyncio.run(both())
