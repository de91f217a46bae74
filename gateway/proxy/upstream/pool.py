"""Kept connections to the app: who is free, and who is too old to be trusted with a write.

Bookkeeping alone: it opens and closes nothing. Last in, first out, so that the warmest
connection is used and the rest go idle and can be let go.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.proxy.upstream.connection import UpstreamConnection

MAX_IDLE = 512

# Seconds. An app may close a kept connection just as a request is on its way to it (gunicorn
# does after 2 s, Node and uvicorn after 5 s). A request that may be sent twice is then sent
# twice; any other one only goes out on a connection that answered this recently.
FRESH = 1.0


class Pool:
    """The idle connections, the most recently used last."""

    def __init__(self, idle_timeout: float) -> None:
        self._idle: deque[UpstreamConnection] = deque()
        self.idle_timeout = idle_timeout

    def __len__(self) -> int:
        return len(self._idle)

    def take(self, since: float | None) -> UpstreamConnection | None:
        """The warmest usable connection. ``since``: only one that has answered since then."""
        idle = self._idle
        while idle:
            if since is not None and idle[-1].idle_since < since:
                return None
            connection = idle.pop()
            if connection.quiet():
                return connection  # of any other, the end or the poison is read soon
        return None

    def release(self, connection: UpstreamConnection, now: float) -> UpstreamConnection | None:
        """Keep a connection; returns the coldest, to be closed, where there are too many."""
        connection.idle_since = now
        connection.deadline = now + self.idle_timeout
        self._idle.append(connection)
        return self._idle.popleft() if len(self._idle) > MAX_IDLE else None

    def forget(self, connection: UpstreamConnection) -> None:
        """The connection has ended, or must not be used again. Idempotent."""
        try:
            self._idle.remove(connection)
        except ValueError:
            return
