"""Wakes whoever listens, within one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator


class Bell:
    """Rung from the event loop's thread. A listener that is busy hears many rings as one."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Event] = set()

    def ring(self) -> None:
        for listener in self._listeners:
            listener.set()

    async def rings(self, most: float | None = None) -> AsyncGenerator[bool]:
        """True at the start and for each ring; False for each ``most`` seconds without one."""
        listener = asyncio.Event()
        listener.set()
        self._listeners.add(listener)
        try:
            while True:
                rung = await _within(most, listener)
                listener.clear()
                yield rung
        finally:
            self._listeners.discard(listener)


async def _within(seconds: float | None, listener: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await listener.wait()
    except TimeoutError:
        return False
