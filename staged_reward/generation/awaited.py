"""Samples that are awaited: what engines and servers with an asynchronous interface have in common.

One event loop on a thread of its own serves all prompts of a generator. Samples of a prompt begin in order of their indices,
at most so many at once; dropping one cancels its task, which the engine or the server takes as the wish to stop.
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from typing import Any

from staged_reward.errors import InputError
from staged_reward.generation.generator import Event, Prompt, Sample, Sampling

Pieces = AsyncGenerator[tuple[str, int, bool | None], None]
"""Pieces of a sample: (text, tokens, whether it was cut, or None where that is not known yet)."""


class Loop:
    """An event loop on a thread, which starts at the first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        """Return the running loop."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="generation", daemon=True)
                self._thread.start()
            return self._loop

    def close(self, last: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        """End what runs on it, then itself; `last` is awaited in between."""
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is None or thread is None:
            return
        asyncio.run_coroutine_threadsafe(_cancel_all(), loop).result()
        if last is not None:
            asyncio.run_coroutine_threadsafe(last(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _cancel_all() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class AwaitedRun:
    """Samples of one prompt.

    Args:
        loop: Where they are awaited.
        pieces: Index → the pieces of that sample. Closing it drops the sample.
        indices: Of the samples, ascending.
        at_once: How many may be under way.
        deliver: Gets what ends.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        pieces: Callable[[int], Pieces],
        indices: Sequence[int],
        at_once: int,
        deliver: Callable[[Event], None],
    ) -> None:
        self.num_tokens = 0
        self._pieces, self._indices, self._deliver = pieces, indices, deliver
        self._loop, self._at_once = loop, asyncio.Semaphore(at_once)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._end = float("inf")
        self._main = asyncio.run_coroutine_threadsafe(self._run(), loop)

    def keep_below(self, index: int) -> None:
        """Drop the samples from this index on."""
        self._loop.call_soon_threadsafe(self._drop, index)

    def _drop(self, index: int) -> None:
        self._end = min(self._end, index)
        for number, task in self._tasks.items():
            if number >= index:
                task.cancel()

    async def _run(self) -> None:
        try:
            for index in self._indices:
                await self._at_once.acquire()
                if self._failure() is not None or index >= self._end:
                    break
                task = self._tasks[index] = asyncio.create_task(self._sample(index))
                task.add_done_callback(lambda _: self._at_once.release())  # also of one that never began
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            self._deliver(self._failure())
        except asyncio.CancelledError:
            self._deliver(asyncio.CancelledError("the generator was closed"))
            raise

    def _failure(self) -> BaseException | None:
        """Return what a sample that is still wanted ran into."""
        ended = (task for index, task in self._tasks.items() if index < self._end and task.done())
        return next((fault for task in ended if not task.cancelled() and (fault := task.exception())), None)

    async def _sample(self, index: int) -> None:
        texts: list[str] = []
        num_tokens, is_cut = 0, False
        pieces = self._pieces(index)
        try:
            async for text, tokens, end in pieces:
                texts.append(text)
                num_tokens += tokens
                self.num_tokens += tokens
                is_cut = is_cut if end is None else end
            self._deliver(Sample(index, "".join(texts), num_tokens, is_cut))
        finally:
            await pieces.aclose()


class AwaitedGenerator(ABC):
    """What generators with an asynchronous interface have in common.

    Args:
        at_once: Samples of one prompt that may be under way.

    Raises:
        InputError: It is below 1.
    """

    def __init__(self, at_once: int) -> None:
        if at_once < 1:
            raise InputError(f"at_once={at_once}; give a number from 1")
        self.at_once = at_once
        self._loop = Loop()

    def start(
        self, prompt: Prompt, sampling: Sampling, indices: Sequence[int], deliver: Callable[[Event], None]
    ) -> AwaitedRun:
        """Begin to generate; see `Generator.start`."""

        def pieces(index: int) -> Pieces:
            return self._pieces(prompt, sampling, index)

        return AwaitedRun(self._loop.get(), pieces, indices, self.at_once, deliver)

    @abstractmethod
    def _pieces(self, prompt: Prompt, sampling: Sampling, index: int) -> Pieces:
        """Return the pieces of one sample."""
