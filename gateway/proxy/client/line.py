"""A client's line: bytes out, reading that can be stopped, and an end the client can see.

Theory of operation. Reading stops for any of three reasons and goes on when none is left:
the client does not read what it is sent, the app does not read what it is sent, or more has
come ahead of an answer than is kept. So a client can make memory grow only by those bounds.

A close with unread bytes becomes a reset, and a reset discards what the client has not read
yet (RFC 9112, 9.6). Where the client may still be sending, the line therefore lingers: it says
that it has ended, and reads on for a while. Nothing waits for ever: a client that takes none
of what it is sent within a time-out is cut off; one that takes some is given time for the rest.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from gateway.proxy.deadlines import NEVER
from gateway.proxy.sockets import keep_watch, reset

if TYPE_CHECKING:
    from gateway.proxy.plane import DataPlane

AHEAD = 65_536  # bytes a client may send ahead of the answer it waits for

# Seconds to read on after the last answer: since the last byte, and in all. nginx has 5 and 30.
LINGER = 5.0
LINGER_MOST = 30.0


class Line(asyncio.Protocol):
    """One connection of a client, as far as it is not about requests."""

    __slots__ = (
        "_app_slow",
        "_buffer",
        "_eof",
        "_last",
        "_paused",
        "_plane",
        "_unsent",
        "deadline",
        "transport",
    )

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._app_slow = False
        self._buffer = b""  # what came ahead
        self._eof = False
        self._last = 0.0  # when lingering ends at the latest; 0.0: the line does not linger
        self._paused = False
        self._unsent = 0  # bytes the client was behind when last looked at; 0: it keeps up
        self.deadline = NEVER

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        keep_watch(transport)

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def hold_back(self) -> None:
        """The app is slow to read: take nothing more, and do not blame the client for it."""
        self._app_slow = True
        if not self._unsent:
            self.deadline = NEVER
        self._pause()

    def finish(self, *, linger: bool) -> None:
        """Send what is to be sent, then end; ``linger`` where the client may be sending."""
        plane = self._plane
        now = plane.time()
        self._unsent = self.transport.get_write_buffer_size()
        self.deadline = now + plane.settings.timeouts.idle
        if not linger or self._eof:
            self.transport.close()
            return
        self._last = now + LINGER_MOST
        if not self._unsent:
            self.deadline = now + LINGER
        if self.transport.can_write_eof():
            self.transport.write_eof()
        if self._paused:
            self._paused = False
            self.transport.resume_reading()

    def reset(self) -> None:
        """End at once, so that the client sees that something is missing."""
        reset(self.transport)

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def _resume(self) -> None:
        if self._paused and not (self._app_slow or self._unsent or len(self._buffer) > AHEAD):
            self._paused = False
            self.transport.resume_reading()

    def _hold_ahead(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > AHEAD:
            self._pause()

    def _discard(self) -> None:
        """Something came while the line lingers: the client is still sending."""
        if not self._unsent:
            self.deadline = min(self._plane.time() + LINGER, self._last)

    def _overdue(self) -> None:
        """Time is up for a client that reads slowly, lingers, or is being let go."""
        unsent = self.transport.get_write_buffer_size()
        if unsent < self._unsent:
            self._unsent = unsent
            timeouts = self._plane.settings.timeouts
            self.deadline = self._plane.time() + (timeouts.idle if unsent else LINGER)
        elif unsent or self.transport.is_closing():
            self.transport.abort()
        else:
            self.transport.close()  # TLS says goodbye, and may wait for the same
            self.deadline = self._plane.time() + LINGER
