"""The control listener: takes calls on bound sockets, and ends so that none is lost."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

from aiohttp import web

from gateway.control.application import make_control
from gateway.control.connection import CONNECTIONS, Connection
from gateway.control.news import NEWS
from gateway.control.services import Services
from gateway.sockets import BACKLOG, Sockets

_LOOK = 0.1  # seconds between two looks for connections that are left


class ControlServer:
    """``patience``: seconds that a call under way may still take when the server closes."""

    def __init__(self, services: Services, *, patience: float) -> None:
        self._application = make_control(services)
        self._application.on_response_prepare.append(self._say_whether_it_stays)
        self._runner = web.AppRunner(
            self._application, access_log=None, handle_signals=False, shutdown_timeout=patience
        )
        self._servers: list[asyncio.Server] = []
        self._leaving = False
        self._finished = False

    async def start(self, sockets: Sockets) -> None:
        """Listen and accept; closing the sockets is then this server's."""
        await self._runner.setup()
        handling, connections = self._runner.server, self._application[CONNECTIONS]
        assert handling is not None  # noqa: S101 there is one after setup()
        loop = asyncio.get_running_loop()
        connection = partial(Connection, handling, connections, loop)
        for each in sockets:
            server = await loop.create_server(connection, sock=each, backlog=BACKLOG)
            self._servers.append(server)

    def private(self) -> Connection:
        """This end of a connection that the data plane makes, once the server is started."""
        handling = self._runner.server
        assert handling is not None  # noqa: S101 there is one after start()
        loop, connections = asyncio.get_running_loop(), self._application[CONNECTIONS]
        return Connection(handling, connections, loop, private=True)

    def stop(self) -> None:
        """Accept no more; each answer from now on ends its connection."""
        self._leaving = True
        self._application[NEWS].end()
        for server in self._servers:
            server.close()
        self._servers = []

    async def emptied(self, seconds: float) -> None:
        """Wait until every connection has had its last answer, at most for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._runner.server is not None and self._runner.server.connections:  # noqa: ASYNC110 aiohttp has no event for it
                    await asyncio.sleep(_LOOK)

    async def finish(self, seconds: float) -> None:
        """Close what is idle, and end the calls under way, at most in so many seconds."""
        self.stop()
        server = self._runner.server
        if self._finished:
            return
        self._finished = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._runner.cleanup()
        if server is not None:
            for connection in server.connections:
                connection.force_close()

    async def _say_whether_it_stays(
        self, _request: web.Request, response: web.StreamResponse
    ) -> None:
        if self._leaving:
            response.force_close()
            response.headers["Connection"] = "close"
