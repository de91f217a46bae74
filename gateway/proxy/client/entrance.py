"""Those who have something to say before HTTP: a PROXY header, or a TLS handshake.

Theory of operation. A listener without either leaves accepting to the event loop; this is for
the others. A connection that is let in has the time of a head for all of it, and counts as
*arriving* until it is a client's connection. What is read of it here is never more than is ours:
bytes are looked at in the kernel's buffer (MSG_PEEK), and taken only once they are known to
belong to the header. So what follows is still there for TLS, or for HTTP.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

from gateway.core.addresses import Networks
from gateway.proxy.client.connection import ClientConnection
from gateway.proxy.plane import DataPlane
from gateway.proxy.wire.errors import ClientError
from gateway.proxy.wire.proxy_header import MOST, BadHeader, parse_proxy_header
from gateway.sockets import BACKLOG

AT_ONCE = 64  # connections accepted before the others have their turn
_HANDSHAKE = 22  # the type of the first record of TLS

log = logging.getLogger("gateway.proxy")


class IntroducedConnection(ClientConnection):
    """A client's connection whose peer a PROXY header has named."""

    __slots__ = ("_source",)

    def __init__(self, plane: DataPlane, source: str) -> None:
        super().__init__(plane)
        self._source = source

    def meet(self) -> None:
        self._requests = self._plane.reader(self.transport, self._source)


class StrayConnection(ClientConnection):
    """Something other than TLS on a port of TLS: told so, in plain HTTP."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self._last:  # nor turned away already
            self._say(ClientError(400, "Bad request", "this port speaks HTTPS alone"))


class Kinds(NamedTuple):
    """What a connection becomes: of a client itself, and of one that was introduced."""

    direct: type[ClientConnection] = ClientConnection
    introduced: type[IntroducedConnection] = IntroducedConnection


class Entrance:
    """Accepts on one socket. ``introducers`` are who begins with a PROXY header, None: nobody.

    ``context`` is for the handshakes to come, None: without TLS. It may be replaced at any time.
    """

    def __init__(
        self,
        plane: DataPlane,
        sock: socket.socket,
        context: ssl.SSLContext | None,
        introducers: Networks | None,
    ) -> None:
        self.context = context
        self.kinds = Kinds()
        self._plane = plane
        self._socket = sock
        self._introducers = introducers

    def open(self) -> None:
        """Listen and accept."""
        self._socket.setblocking(False)  # noqa: FBT003 its own signature
        self._socket.listen(BACKLOG)
        self._plane.loop.add_reader(self._socket, self._accept)

    def shut(self) -> None:
        """Accept no more; who is arriving still does."""
        self._plane.loop.remove_reader(self._socket)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            if self._plane.descriptors.short:
                return
            try:
                arrived, name = self._socket.accept()
            except OSError:  # nobody there, or gone already; the descriptors are looked after
                return
            self._let_in(arrived, name)

    def _let_in(self, arrived: socket.socket, name: object) -> None:
        plane = self._plane
        if len(plane.arriving) >= plane.settings.limits.connections:
            arrived.close()
            return
        arrived.setblocking(False)  # noqa: FBT003 its own signature
        address = str(name[0]) if isinstance(name, tuple) else ""
        plane.arriving.add(arrived)
        plane.descriptors.taken(arrived.fileno())
        task = plane.spawn(self._receive(arrived, address), arrived.close)
        task.add_done_callback(lambda _task: plane.arriving.discard(arrived))

    async def _receive(self, arrived: socket.socket, address: str) -> None:
        patience = self._plane.settings.timeouts.header
        try:
            with ExitStack() as undo:
                undo.callback(arrived.close)
                async with asyncio.timeout(patience):
                    await self._introduce(arrived, address)
                undo.pop_all()
        except BadHeader as error:
            self._plane.trouble.warning(f"a connection from {address or 'a Unix socket'}: {error}")
        except OSError as error:  # no handshake, out of time, or gone
            log.debug("a connection from %s did not arrive: %s", address, error)

    async def _introduce(self, arrived: socket.socket, address: str) -> None:
        source = await _source(arrived) if self._introduces(address) else None
        context = self.context
        made: Callable[[], ClientConnection] = partial(self.kinds.direct, self._plane)
        if source is not None:
            made = partial(self.kinds.introduced, self._plane, source)
        if context is not None and (await _look(arrived, 1))[0] != _HANDSHAKE:
            context, made = None, partial(StrayConnection, self._plane)
        await self._plane.loop.connect_accepted_socket(made, arrived, ssl=context)

    def _introduces(self, address: str) -> bool:
        # Who may open a Unix socket was let by the file's permissions, as in ``Peer``.
        introducers = self._introducers
        return introducers is not None and (not address or introducers.contain(address))


async def _source(arrived: socket.socket) -> str | None:
    """Take the header off the connection. Raises ``BadHeader``, OSError."""
    taken = b""
    while True:
        data = await _look(arrived, MOST)
        header = parse_proxy_header(taken + data)
        if header is not None:
            arrived.recv(header.size - len(taken))
            return header.source
        taken += arrived.recv(len(data))


async def _look(arrived: socket.socket, most: int) -> bytes:
    """What has come, or comes next, without taking it. Raises OSError where it has ended."""
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(arrived, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(arrived)
    data = arrived.recv(most, socket.MSG_PEEK)
    if not data:
        raise ConnectionAbortedError("it ended before it began")
    return data
