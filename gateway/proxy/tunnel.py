"""After 101: bytes both ways, untouched, with back-pressure and half-closes passed on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.proxy.client import ClientConnection
    from gateway.proxy.exchange import Exchange
    from gateway.proxy.upstream import UpstreamConnection


class Tunnel:
    """Two connections as one. ``*_ended`` says whether that side stays open for writing."""

    __slots__ = ("_app", "_app_ended", "_client", "_client_ended", "_exchange")

    def __init__(
        self, exchange: Exchange, client: ClientConnection, app: UpstreamConnection
    ) -> None:
        self._exchange = exchange
        self._client = client
        self._app = app
        self._client_ended = False
        self._app_ended = False

    def to_app(self, data: bytes) -> None:
        self._app.transport.write(data)

    def to_client(self, data: bytes) -> None:
        self._client.transport.write(data)

    def client_ended(self) -> bool:
        """Told once more when reading goes on after a pause: then there is nothing to do."""
        if not self._client_ended:
            self._client_ended = True
            if self._app_ended or not self._app.transport.can_write_eof():
                self._app.finish()
                return False
            self._app.transport.write_eof()
        return True

    def app_ended(self) -> bool:
        if not self._app_ended:
            self._app_ended = True
            if self._client_ended or not self._client.transport.can_write_eof():
                self._client.finish(linger=False)
                return False
            self._client.transport.write_eof()
        return True

    def client_lost(self) -> None:
        self._app.finish()

    def app_lost(self) -> None:
        self._exchange.tunnel_ended()
        self._client.finish(linger=False)

    def client_is_slow(self) -> None:
        self._app.transport.pause_reading()

    def client_caught_up(self) -> None:
        self._app.transport.resume_reading()

    def app_is_slow(self) -> None:
        self._client.transport.pause_reading()

    def app_caught_up(self) -> None:
        self._client.transport.resume_reading()
