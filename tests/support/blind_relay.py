"""A proxy that hands everything on unread: what a judge of proxies must find out."""

from __future__ import annotations

import asyncio
import contextlib
import socket

from tests.support.wire import RawClient


class BlindRelay:
    """Each client gets a connection of its own to the app on ``port``."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._pumps: list[asyncio.Task[None]] = []
        self._sockets: list[socket.socket] = []

    async def client(self) -> RawClient:
        ours, theirs = socket.socketpair()
        app = socket.create_connection(("127.0.0.1", self._port))
        self._sockets += [ours, theirs, app]
        for source, sink in ((theirs, app), (app, theirs)):
            source.setblocking(False)  # noqa: FBT003 its own signature
            self._pumps.append(asyncio.create_task(_pump(source, sink)))
        return RawClient(ours)

    async def close(self) -> None:
        await asyncio.gather(*self._pumps)
        for each in self._sockets:
            each.close()


async def _pump(source: socket.socket, sink: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    with contextlib.suppress(OSError):
        while data := await loop.sock_recv(source, 65_536):
            await loop.sock_sendall(sink, data)
        sink.shutdown(socket.SHUT_WR)
