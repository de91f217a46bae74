"""Wakes the one task that otherwise sleeps until something is due."""

from __future__ import annotations

import asyncio


class Alarm(asyncio.Event):
    """Set while nobody sleeps, it ends the next sleep."""

    async def within(self, seconds: float | None) -> bool:
        """Sleep so long, None without an end; at once, and True, if it is set. Clears it."""
        try:
            async with asyncio.timeout(seconds):
                await self.wait()
        except TimeoutError:
            return False
        self.clear()
        return True
