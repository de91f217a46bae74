"""How many more files this process may open, and whether clients may still take some.

Theory of operation. Once a process has no descriptor left, accepting fails, and libuv closes every
connection that waits: its client is told nothing. The app cannot be reached either, nor the
store. So a few descriptors are kept back. The system gives out the lowest number that is free;
when a client's connection gets one near the limit, accepting stops, and whoever comes then waits
in the kernel's queue. Five times a second it is looked whether low numbers are free again.
"""

from __future__ import annotations

import errno
import logging
import os
import resource
from collections.abc import Callable
from typing import Protocol

from gateway.telemetry.throttled_log import ThrottledLog

MOST_SPARE = 64  # for connections to the app, the store, the control API
_SHARE = 4  # ... and of a low limit, one in so many


class Door(Protocol):
    """What lets clients in."""

    def shut(self) -> None: ...
    def open(self) -> None: ...


class Descriptors:
    """``doors`` are shut once few descriptors are left, and opened once there are enough again.

    ``short``: they are shut. A door that could not be opened sets it again.
    """

    __slots__ = ("_again", "_most", "_out", "doors", "short")

    def __init__(self, log: logging.Logger, clock: Callable[[], float]) -> None:
        self._out = ThrottledLog(log, clock)
        self._again = ThrottledLog(log, clock)
        self._most = _most()
        self.doors: list[Door] = []
        self.short = False

    def taken(self, number: int) -> None:
        """A client's connection got this one."""
        if number >= self._most and not self.short:
            self.short = True
            self._out.warning(
                "few open files are left (ulimit -n): new connections wait until some are closed"
            )
            for door in self.doors:
                door.shut()

    def look(self) -> None:
        """The limit may have been changed, and descriptors closed, or taken by handshakes."""
        self._most = _most()
        number = _lowest_free()
        if number >= self._most:
            self.taken(number)
        elif self.short:
            self.short = False
            self._again.warning("open files are to be had again: accepting connections")
            for door in self.doors:
                door.open()


def _most() -> int:
    """The first number that is kept back."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1 << 62
    return soft - min(MOST_SPARE, soft // _SHARE)


def _lowest_free() -> int:
    try:
        number = os.open("/", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        return 1 << 62 if error.errno in {errno.EMFILE, errno.ENFILE} else 0
    os.close(number)
    return number
