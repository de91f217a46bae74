"""Many ask at once, one reads: each gets an answer that is younger than the question."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedRead(Generic[T]):
    """Callers share the next read to begin, never one under way: that may have missed a write.

    At most two are there at a time, one under way and one waiting to begin.
    """

    def __init__(self, read: Callable[[], Awaitable[T]]) -> None:
        self._read = read
        self._running: asyncio.Task[T] | None = None
        self._waiting: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """A read begun after this call. A caller that is cancelled does not stop the others."""
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._next(self._running), name="shared read")
        return await asyncio.shield(self._waiting)

    async def close(self) -> None:
        """Cancel what is under way, and wait for its end."""
        tasks = [task for task in (self._running, self._waiting) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _next(self, before: asyncio.Task[T] | None) -> T:
        if before is not None:
            await asyncio.wait({before})
        self._running, self._waiting = self._waiting, None
        return await self._read()
