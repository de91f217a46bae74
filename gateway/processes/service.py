"""What systemd, or whoever else started this process as a service, is told of it.

Theory of operation. The protocol is sd_notify(3): lines of ``NAME=value`` in a datagram to the
socket that ``NOTIFY_SOCKET`` names. Nothing depends on it: where nobody listens, nothing is said,
and where the socket is gone, that is passed over. What it had no room for, or what no file could be
opened for, goes with the next one.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

STATUS_PERIOD = 2.0  # seconds after which a changed status is told
MARGIN = 5.0  # seconds to end in, beyond those that the gateway gives itself
LONGEST = 400  # characters of a status
# The socket is full, or this process, or the machine, has too little left for another one.
_LATER = {errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

# What a service is told by its environment, none of it for those that it starts.
VARIABLES = (
    *("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"),
    *("LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", "LISTEN_PIDFDID"),
)


class Service:
    """Told by the process that was started; ``address`` "": nobody wants to know.

    ``watchdog``: seconds of silence after which this process is killed and started again; 0: it
    is not.
    """

    def __init__(self, address: str = "", watchdog: float = 0.0) -> None:
        self._address = address
        self.watchdog = watchdog if address else 0.0
        self._status = ""
        self._owed: list[str] = []

    @classmethod
    def of(cls, environ: Mapping[str, str], pid: int) -> Self:
        """What the variables say to the process ``pid``; a watchdog of another one is not ours."""
        watchdog = environ.get("WATCHDOG_USEC", "")
        ours = environ.get("WATCHDOG_PID", str(pid)) == str(pid)
        seconds = int(watchdog) / 1e6 if ours and watchdog.isdecimal() else 0.0
        return cls(environ.get("NOTIFY_SOCKET", ""), seconds)

    @property
    def period(self) -> float:
        """Seconds between two beats; 0: nobody wants to know."""
        if not self._address:
            return 0.0
        return min(STATUS_PERIOD, self.watchdog / 2) if self.watchdog else STATUS_PERIOD

    def ready(self, status: str) -> None:
        """It serves, for the first time or with new settings."""
        self._tell("READY=1", *self._changed(status))

    def reloading(self) -> None:
        """SIGHUP has come; ``ready`` is what ends it (Type=notify-reload waits for that)."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, seconds: float) -> None:
        """It ends, and takes so long at most, whatever the unit has as TimeoutStopSec."""
        microseconds = int((seconds + MARGIN) * 1e6)
        self._tell("STOPPING=1", f"EXTEND_TIMEOUT_USEC={microseconds}", *self._changed("stopping"))

    def beat(self, status: str) -> None:
        """It lives; to be called once in each ``period``."""
        alive = ("WATCHDOG=1",) if self.watchdog else ()
        self._tell(*alive, *self._changed(status))

    def _changed(self, status: str) -> tuple[str, ...]:
        status = " ".join(status.split())[:LONGEST]
        if status == self._status:
            return ()
        self._status = status
        return (f"STATUS={status}",)

    def _tell(self, *lines: str) -> None:
        self._owed += lines
        address = self._address
        if not address.startswith(("/", "@")) or not self._owed:
            self._owed = []  # vsock, say: nobody here
            return
        text = "\n".join(self._owed).encode("utf-8", "replace")
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)  # noqa: FBT003 its own signature
                sock.sendto(text, "\0" + address[1:] if address.startswith("@") else address)
        except OSError as error:
            if error.errno in _LATER:
                return
        self._owed = []  # said; or nobody is there to hear it


NOBODY = Service()


class Beat:
    """Calls ``tell`` each ``period`` seconds while the ``with`` block runs; 0: never."""

    def __init__(self, period: float, tell: Callable[[], None]) -> None:
        self._period = period
        self._tell = tell
        self._handle: asyncio.TimerHandle | None = None

    def __enter__(self) -> Self:
        if self._period:
            self._run()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._handle is not None:
            self._handle.cancel()

    def _run(self) -> None:
        self._tell()
        self._handle = asyncio.get_running_loop().call_later(self._period, self._run)
