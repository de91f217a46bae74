"""The public port: TCP, TLS or a Unix socket."""

from __future__ import annotations

import asyncio

from gateway.config.settings import Settings
from gateway.core.addresses import compile_networks
from gateway.proxy.client.connection import ClientConnection
from gateway.proxy.client.entrance import Entrance, Kinds
from gateway.proxy.client.reception import CallerConnection, IntroducedCallerConnection
from gateway.proxy.plane import DataPlane
from gateway.sockets import BACKLOG, Sockets, close


class Listener:
    """Accepts connections for a data plane, on sockets that are bound already."""

    def __init__(self, plane: DataPlane, settings: Settings) -> None:
        self._plane = plane
        self._settings = settings
        self._sockets: Sockets = ()
        self._servers: list[asyncio.Server] = []
        self._entrances: list[Entrance] = []

    @property
    def listening(self) -> bool:
        return bool(self._entrances) or any(server.is_serving() for server in self._servers)

    async def start(self, sockets: Sockets) -> None:
        """Listen and accept; closing the sockets is then this listener's."""
        self._sockets = sockets
        self._plane.descriptors.doors.append(self)
        await self._accept()

    def take_settings(self, settings: Settings) -> None:
        """The certificates of new settings, for the handshakes to come."""
        self._settings = settings
        if settings.tls is not None:
            for entrance in self._entrances:
                entrance.context = settings.tls.context

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
        for entrance in self._entrances:
            entrance.shut()
        self._servers, self._entrances = [], []

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
        if self._settings.tls is not None or self._settings.proxy_protocol:
            self._open_entrances()
            return
        plane = self._plane

        kind = ClientConnection if plane.reception is None else CallerConnection

        def protocol() -> ClientConnection:
            return kind(plane)

        for each in self._sockets:
            # A server closes its socket; this one's queue has to outlive it.
            server = await plane.loop.create_server(protocol, sock=each.dup(), backlog=BACKLOG)
            self._servers.append(server)

    def _open_entrances(self) -> None:
        settings = self._settings
        context = None if settings.tls is None else settings.tls.context
        named = settings.proxy_protocol
        introducers = compile_networks(named) if named else None
        for each in self._sockets:
            entrance = Entrance(self._plane, each, context, introducers)
            if self._plane.reception is not None:
                entrance.kinds = Kinds(CallerConnection, IntroducedCallerConnection)
            self._entrances.append(entrance)
            entrance.open()
