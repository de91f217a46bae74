"""What a gateway that serves is told, and waiting only for as long as it is not told otherwise."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine


class Orders:
    """What a gateway that serves is told: to leave, to stop, and to be quick about it."""

    def __init__(self) -> None:
        self.end = asyncio.Event()
        self.stopping = asyncio.Event()
        self.hurry = asyncio.Event()
        self.patient = True  # enough to linger

    def leave(self) -> None:
        """Another process has taken over: finish what is under way, however long it takes."""
        self.end.set()

    def stop(self) -> None:
        """Linger, and finish what is under way in time."""
        self.stopping.set()
        self.end.set()

    def stop_at_once(self) -> None:
        """Stop, and wait for nothing."""
        self.hurry.set()
        self.stop()

    def stop_or_hurry(self) -> None:
        """As people and platforms say it: once is to stop, twice is at once."""
        if self.stopping.is_set():
            self.hurry.set()
        self.stop()

    def stop_accepting(self) -> None:
        """As ``stop``, but nobody lingers: whoever comes next needs the port."""
        self.patient = False
        self.stop_or_hurry()


async def unless(stopped: asyncio.Event, *waits: Coroutine[None, None, None]) -> None:
    """Wait for all of it, or until the event is set, which gives up what is not done."""
    work = asyncio.ensure_future(asyncio.gather(*waits))
    stop = asyncio.ensure_future(stopped.wait())
    await asyncio.wait((work, stop), return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not work.done():
        work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work
