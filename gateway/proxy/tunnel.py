"""After 101: bytes both ways, untouched, with back-pressure and half-closes passed on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange


class Tunnel:
    """Two transports as one. Each ``*_ended`` says whether its side stays open for writing."""

    __slots__ = ("_app", "_client", "_ended", "_exchange")

    def __init__(
        self, exchange: Exchange, client: asyncio.Transport, app: asyncio.Transport
    ) -> None:
        self._exchange = exchange
        self._client = client
        self._app = app
        self._ended = False  # one side has sent its end already

    def to_app(self, data: bytes) -> None:
        self._app.write(data)

    def to_client(self, data: bytes) -> None:
        self._client.write(data)

    def client_ended(self) -> bool:
        return self._half_close(self._app)

    def app_ended(self) -> bool:
        return self._half_close(self._client)

    def client_lost(self) -> None:
        self._app.close()

    def app_lost(self) -> None:
        self._exchange.tunnel_ended()
        self._client.close()

    def client_is_slow(self) -> None:
        self._app.pause_reading()

    def client_caught_up(self) -> None:
        self._app.resume_reading()

    def app_is_slow(self) -> None:
        self._client.pause_reading()

    def app_caught_up(self) -> None:
        self._client.resume_reading()

    def cut(self) -> None:
        """End both sides now."""
        self._app.abort()
        self._client.abort()

    def _half_close(self, other: asyncio.Transport) -> bool:
        if self._ended or other.is_closing() or not other.can_write_eof():
            other.close()
            return False
        self._ended = True
        other.write_eof()
        return True
