"""The public port: TCP, TLS or a Unix socket."""

from __future__ import annotations

import asyncio
import ssl

from gateway.config.settings import Settings
from gateway.proxy.client import ClientConnection
from gateway.proxy.plane import DataPlane
from gateway.sockets import BACKLOG, Sockets, close


class Listener:
    """Accepts connections for a data plane, on sockets that are bound already."""

    def __init__(self, plane: DataPlane, settings: Settings) -> None:
        self._plane = plane
        self._settings = settings
        self._sockets: Sockets = ()
        self._servers: list[asyncio.Server] = []

    @property
    def listening(self) -> bool:
        return any(server.is_serving() for server in self._servers)

    async def start(self, sockets: Sockets) -> None:
        """Listen and accept; closing the sockets is then this listener's."""
        self._sockets = sockets
        self._plane.descriptors.doors.append(self)
        await self._accept()

    def stop(self) -> None:
        """Accept no more; the connections that are there are the plane's."""
        if self._sockets:
            self._plane.descriptors.doors.remove(self)
        self.shut()
        close(self._sockets)
        self._sockets = ()

    def shut(self) -> None:
        """Accept nothing for now: whoever comes waits in the kernel's queue."""
        for server in self._servers:
            server.close()
        self._servers = []

    def open(self) -> None:
        """Accept again."""
        self._plane.spawn(self._reopen(), self.shut)

    async def _reopen(self) -> None:
        try:
            await self._accept()
        except OSError:  # there were not enough descriptors after all
            self.shut()
            self._plane.descriptors.short = True

    async def _accept(self) -> None:
        plane = self._plane
        context = _context(self._settings)
        # A handshake is the first thing that a client has to say, as a head is without TLS.
        handshake = None if context is None else self._settings.timeouts.header

        def protocol() -> ClientConnection:
            return ClientConnection(plane)

        for each in self._sockets:
            # A server closes its socket; this one's queue has to outlive it.
            server = await plane.loop.create_server(
                protocol,
                sock=each.dup(),
                ssl=context,
                backlog=BACKLOG,
                ssl_handshake_timeout=handshake,
            )
            self._servers.append(server)


def _context(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.tls.cert, settings.tls.key)
    context.set_alpn_protocols(["http/1.1"])
    return context
