"""A data plane with no socket: transports that remember, and an app that answers at once.

Everything happens in one synchronous turn, so that a fuzzer can run thousands of connections a
second, and the same bytes cut elsewhere must come to the same.
"""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import Any, cast

from gateway.config.settings import Address, Limits, Settings
from gateway.core.flags import Flag
from gateway.pages.pages import Pages
from gateway.proxy.client.connection import ClientConnection
from gateway.proxy.client.line import AHEAD
from gateway.proxy.exchange import Exchange
from gateway.proxy.plane import DataPlane
from gateway.proxy.upstream.connection import UpstreamConnection
from gateway.telemetry.tally import Tally
from tests.support.proxy_stage import FakeLive

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_SETTINGS = Settings(
    upstream=Address("127.0.0.1", 1),
    listen=Address("127.0.0.1", 1),
    limits=Limits(header_bytes=4096),
)
_PAGES = Pages(_SETTINGS.page)  # compiled once: it takes longer than a connection does
_QUIET, _OTHER_END = socket.socketpair()  # whatever is asked of it, nothing has come


class Wireless(asyncio.Transport):
    """A transport that takes everything at once; ``lost`` tells its protocol of the end."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__({"peername": ("192.0.2.1", 1), "socket": _QUIET})
        self.protocol = protocol
        self.sent = bytearray()
        self.paused = self.ended = self.over = False
        protocol.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.ended:
            self.sent += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def close(self) -> None:
        self.ended = True

    abort = close

    def is_closing(self) -> bool:
        return self.ended

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def settle(self) -> bool:
        """Whether the end was there to be told of."""
        if self.over or not self.ended:
            return False
        self.over = True
        self.protocol.connection_lost(None)
        return True


class World:
    """One client of one gateway; ``script`` is what the app says, piece by piece, to the first
    request, or else every request gets ``OK`` when it is whole. Needs a running loop."""

    def __init__(self, *flags: Flag, script: list[bytes] | None = None) -> None:
        live = FakeLive(replace(_SETTINGS, flags=flags))
        self.plane = DataPlane(live, _PAGES, Tally())
        self.plane.connector = cast("Any", self)
        self.script = script
        self.whole: list[bytes] = []  # requests that the app has had to their end
        self.answered = False  # to its end, by the app's framing or its close
        self._waiting: list[Exchange] = []
        self._apps: list[Wireless] = []
        self.connection = ClientConnection(self.plane)
        self.client = Wireless(self.connection)

    def connect(self, exchange: Exchange) -> None:
        """As the connector: the new connection is there a moment later."""
        self._waiting.append(exchange)

    def feed(self, pieces: list[bytes]) -> bytes:
        """Let the client send, and return all that it has been sent back."""
        for piece in pieces:
            if not (self.client.ended or self.client.paused):
                self.connection.data_received(piece)
                held = len(self.connection._buffer)
                assert held <= AHEAD + len(piece), f"{held} bytes are kept"
            self._settle()
        if not self.client.ended:
            self.connection.eof_received()
            self._settle()
        self.client.close()
        self._settle()
        return bytes(self.client.sent)

    def _settle(self) -> None:
        """Until nothing more happens by itself."""
        busy = True
        while busy:
            busy = self.client.settle()
            while self._waiting:
                connection = UpstreamConnection(self.plane)
                self._apps.append(Wireless(connection))
                self._waiting.pop(0).connected(connection)
            for app in self._apps:
                busy = self._answer(app) or busy
                busy = app.settle() or busy

    def _answer(self, app: Wireless) -> bool:
        connection = cast("UpstreamConnection", app.protocol)
        exchange = connection.exchange
        if exchange is None or app.ended or not exchange.uploaded:
            return False
        self.whole.append(bytes(app.sent))
        app.sent.clear()
        for piece in self.script if self.script is not None else [OK]:
            if not app.ended:
                connection.data_received(piece)
        if self.script is not None and connection.exchange is not None and not app.ended:
            connection.eof_received()
            app.close()
        self.answered = exchange.answered and not self.plane.tally.failures
        return True
