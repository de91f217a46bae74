"""After 101: bytes both ways, untouched, with back-pressure and half-closes passed on.

Theory of operation. Each direction goes through a ``FrameStream``, which changes nothing until
the tunnel is told to end (``restart``): then each direction ends on the next boundary of its
own frames, with a Close that says 1012. Once both have, the client is let go, and of the
exchange a ``Farewell`` is left, which waits for the app's end.

Where a strict flag may hold it and this member's lease is out, others take the tunnel for ended:
the next byte of either side ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.proxy.wire.websocket import FrameStream

if TYPE_CHECKING:
    from gateway.proxy.client.connection import ClientConnection
    from gateway.proxy.exchange import Exchange
    from gateway.proxy.upstream.connection import UpstreamConnection


class Tunnel:
    """Two connections as one. ``*_ended`` says whether that side stays open for writing.

    ``over``: it is being ended, and has a moment left. ``sent``: bytes to the client.
    """

    __slots__ = (
        "_app",
        "_app_ended",
        "_app_stream",
        "_client",
        "_client_ended",
        "_client_stream",
        "exchange",
        "over",
        "sent",
    )

    def __init__(
        self, exchange: Exchange, client: ClientConnection, app: UpstreamConnection
    ) -> None:
        self.exchange = exchange
        self._client = client
        self._app = app
        self._client_stream = FrameStream(masked=True)  # from the client to the app
        self._app_stream = FrameStream(masked=False)
        self._client_ended = False
        self._app_ended = False
        self.over = False
        self.sent = 0

    def to_app(self, data: bytes) -> None:
        if self.exchange.is_fenced():
            self.exchange.give_up()  # app_lost() follows
            return
        self._app.transport.write(self._client_stream.feed(data))
        if self.over:
            self._let_go_if_ended()

    def to_client(self, data: bytes) -> None:
        if self.exchange.is_fenced():
            self.exchange.give_up()
            return
        out = self._app_stream.feed(data)
        self.sent += len(out)
        self._client.transport.write(out)
        if self.over:
            self._let_go_if_ended()

    def restart(self) -> None:
        """Close it from both sides at once, each on a boundary of its frames."""
        self.over = True
        self._app.allow_a_moment()
        to_client, to_app = self._app_stream.restart(), self._client_stream.restart()
        if not self._app_ended:
            self._client.transport.write(to_client)
        if not self._client_ended:
            self._app.transport.write(to_app)
        self._let_go_if_ended()

    def client_ended(self) -> bool:
        """Told once more when reading goes on after a pause: then there is nothing to do."""
        if not self._client_ended:
            self._client_ended = True
            if self._app_ended or not self._app.transport.can_write_eof():
                self._leave_app()
                return False
            self._app.transport.write_eof()
        return True

    def app_ended(self) -> bool:
        if not self._app_ended:
            self._app_ended = True
            if self.over:
                return False
            if self._client_ended or not self._client.transport.can_write_eof():
                self._client.finish(linger=False)
                return False
            self._client.transport.write_eof()
        return True

    def client_lost(self) -> None:
        self._leave_app()

    def app_lost(self, *, reset: bool) -> None:
        self.exchange.tunnel_ended(whole=not reset)
        if self.over and not self._app_stream.over:
            self._client.cut()  # in the middle of a frame
        elif self.exchange.given_up_at is not None:  # by a reset, or by us
            self._client.cut(shown=True, linger=False)
        else:
            self._client.finish(linger=False)

    def client_is_slow(self) -> None:
        self._app.transport.pause_reading()

    def client_caught_up(self) -> None:
        self._app.transport.resume_reading()

    def app_is_slow(self) -> None:
        self._client.transport.pause_reading()

    def app_caught_up(self) -> None:
        self._client.transport.resume_reading()

    def _let_go_if_ended(self) -> None:
        if self._app_stream.over and self._client_stream.over:
            self._client.cut(shown=True)
            self._leave_app()

    def _leave_app(self) -> None:
        if self._app_ended:
            self._app.finish()
        else:
            self._app.dismiss(self.exchange)


class Farewell:
    """In a tunnel's place once nobody reads any more: the app's end is awaited, not its words."""

    __slots__ = ("_exchange",)
    over = True

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def to_client(self, data: bytes) -> None:
        """Nobody reads it."""

    def app_ended(self) -> bool:
        return False

    def app_lost(self, *, reset: bool) -> None:
        self._exchange.tunnel_ended(whole=not reset)

    def app_is_slow(self) -> None:
        """Nothing more is sent."""

    def app_caught_up(self) -> None:
        """Nothing more is sent."""
