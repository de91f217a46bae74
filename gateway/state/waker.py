"""One listener to the store's wakes in a process, for all that wait for them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from gateway.stores.base import Store, StoreError

_PAUSE = 0.5  # seconds until it listens again after the store has failed


class Waker:
    """Counts the wakes; who has seen one count waits for the next. Wakes may be lost."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._woken = asyncio.Event()
        self.count = 0

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            with suppress(StoreError):
                async for _ in self._store.changes():
                    self.wake()
            await asyncio.sleep(_PAUSE)

    def wake(self) -> None:
        """Wake all that wait."""
        self.count += 1
        self._woken.set()
        self._woken = asyncio.Event()

    async def after(self, seen: int, seconds: float) -> int:
        """The count, once it is another than ``seen`` or ``seconds`` have passed."""
        if self.count == seen:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._woken.wait()
        return self.count
