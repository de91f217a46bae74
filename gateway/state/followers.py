"""The tasks that go on for as long as the process does, and what becomes of one that fails.

Theory of operation. Nothing here is expected to fail: each task handles the errors that it
knows of. One that fails all the same is a bug, and must neither stop the gateway nor end
unseen, since a state that is no longer followed looks just like one that does not change. So
it is logged, shown (``failures``) and started again, each time after a longer pause.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

FIRST_PAUSE, LAST_PAUSE = 0.5, 30.0  # seconds until it is started again
_AGAIN = 0.5  # seconds after which a task that goes on is cancelled once more
CALM = 60.0  # seconds that it goes on for until it no longer counts as failing

_log = logging.getLogger("gateway.state")

Work = Callable[[], Awaitable[None]]


class Followers:
    """``failures`` tells by name what fails now and why. The times are in seconds."""

    def __init__(
        self, *, pause: float = FIRST_PAUSE, last: float = LAST_PAUSE, calm: float = CALM
    ) -> None:
        self.failures: dict[str, str] = {}
        self._first = pause
        self._last = last
        self._calm = calm
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str, work: Work) -> Callable[[], Awaitable[None]]:
        """Have ``work`` going on, called anew each time it ends; what is returned ends it."""
        task = asyncio.create_task(self._keep(name, work), name=name)
        self._tasks.add(task)

        async def end() -> None:
            self._tasks.discard(task)
            await _ended(task)

        return end

    async def close(self) -> None:
        """End them all. Idempotent."""
        tasks, self._tasks = self._tasks, set()
        await _ended(*tasks)

    async def _keep(self, name: str, work: Work) -> None:
        loop = asyncio.get_running_loop()
        pause = self._first
        while True:
            began = loop.time()
            calm = loop.call_later(self._calm, self._has_calmed, name)
            try:
                await work()
                self._failed(name, RuntimeError("it ended"), pause)
            except Exception as error:  # noqa: BLE001 whatever it is, the task must go on
                self._failed(name, error, pause)
            finally:
                calm.cancel()
            if loop.time() - began >= self._calm:
                pause = self._first
            await asyncio.sleep(pause)
            pause = min(pause * 2, self._last)

    def _failed(self, name: str, error: Exception, pause: float) -> None:
        why = f"{type(error).__name__}: {error}"
        known = self.failures.get(name) == why
        self.failures[name] = why
        _log.error(
            "%s failed (%s); it is started again in %g s",
            name,
            why,
            pause,
            exc_info=None if known else error,
        )

    def _has_calmed(self, name: str) -> None:
        if self.failures.pop(name, None) is not None:
            _log.warning("%s goes on", name)


async def _ended(*tasks: asyncio.Task[None]) -> None:
    # Again until they have: a cancellation can be lost in what a task has called. Of 27 gateways
    # on Redis that were told twice to end under load, 3 hung for that; then of 117, none.
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_AGAIN)
    await asyncio.gather(*tasks, return_exceptions=True)
