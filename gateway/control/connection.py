"""One connection to the control listener, and what its other end may do to us.

aiohttp closes one that rests, or sends its head slowly, after ``keepalive_timeout``; a slow body
is ``bodies``' to end. What it leaves open is the caller who does not read, and it answers what it
cannot parse in plain text that repeats it, be it the line with the token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.control.connections import Connections
from gateway.control.problems import Problem
from gateway.control.server_log import server_log

STALLED = 30.0  # seconds for which a caller may read nothing of an answer
LONGEST_LINE = 65_536  # bytes: a reason and a user of the greatest length, percent-encoded

HANDLING: Mapping[str, Any] = {
    "logger": server_log(),
    "access_log": None,  # it would log addresses with users in them
    "auto_decompress": False,  # a small body must not become a large one
    "keepalive_timeout": 75.0,
    "max_line_size": LONGEST_LINE,
}


class Connection(web.RequestHandler):
    """aiohttp's, on the book of ``connections``, with an end for who does not read.

    ``private``: its other end is this process's data plane.
    """

    __slots__ = ("_connections", "_stalled", "private")

    def __init__(
        self,
        server: web.Server,
        connections: Connections[asyncio.BaseProtocol],
        loop: asyncio.AbstractEventLoop,
        *,
        private: bool = False,
    ) -> None:
        super().__init__(server, loop=loop, **HANDLING)
        self.private = private
        self._connections = connections
        self._stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        surplus = self._connections.came(self)
        if isinstance(surplus, Connection):
            surplus.abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._connections.left(self)
        self._reads()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = asyncio.get_running_loop().call_later(STALLED, self.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._reads()

    def abort(self) -> None:
        """Close without a word: what was not read yet is lost."""
        transport = self.transport
        if transport is not None:
            transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers what is no request with a problem that repeats nothing of it."""
        said = super().handle_error(request, status, exc, message)
        problem = Problem(said.status, "The request is not HTTP/1.1 as this listener takes it.")
        response = problem.response()
        response.headers["Server"] = "gateway"  # aiohttp's would name versions
        response.force_close()
        return response

    def _reads(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


CONNECTIONS = web.AppKey("connections", Connections[asyncio.BaseProtocol])


@web.middleware
async def calls(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Notes that a connection has a call under way, so that it is not closed for another."""
    with request.app[CONNECTIONS].call(request.protocol):
        return await handler(request)
