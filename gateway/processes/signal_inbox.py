"""Signals as bytes in a pipe, so that one wait sees them along with everything else.

The C handler writes the byte at once, wherever Python is, so none comes too early or late for
a wait (``signal.set_wakeup_fd``).
"""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType, TracebackType
from typing import Any, Self

ENDS = (signal.SIGTERM, signal.SIGINT)  # what ends a process that nobody else speaks for


class SignalInbox:
    """Takes these signals while the ``with`` block runs; for the main thread."""

    def __init__(self, *numbers: signal.Signals) -> None:
        self._numbers = numbers
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, _noted) for number in self._numbers}
        return self

    def fileno(self) -> int:
        """Readable once a signal has come."""
        return self._reader

    def take(self) -> list[int]:
        """The numbers of the signals that have come, in order."""
        with contextlib.suppress(BlockingIOError):
            return list(os.read(self._reader, 4096))
        return []

    def forget(self) -> None:
        """In a forked process: let go, and leave the signals to it."""
        signal.set_wakeup_fd(-1)
        os.close(self._reader)
        os.close(self._writer)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup)
        os.close(self._reader)
        os.close(self._writer)


def _noted(_number: int, _frame: FrameType | None) -> None:
    """There has to be a handler for the byte to be written."""
