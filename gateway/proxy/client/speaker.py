"""What the gateway itself says on a client's line: refusals, and what went wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.core.outcomes import Decision
from gateway.pages.answers import Answer
from gateway.proxy.client.line import Line
from gateway.proxy.wire.errors import ClientError
from gateway.proxy.wire.request import RequestHead, RequestReader

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.proxy.hold.waiting_room import Ticket
    from gateway.proxy.plane import DataPlane


class Speaker(Line):
    """A line on which answers of the gateway's own are given, each in one write.

    ``ticket`` is that of the last request that had to wait for a flag or the app. ``began`` is
    when the gateway began with the request, on the plane's clock: later by as long as it has
    waited since.
    """

    __slots__ = ("_requests", "began", "draining", "request", "ticket")

    _requests: RequestReader

    def __init__(self, plane: DataPlane) -> None:
        super().__init__(plane)
        self.request: RequestHead | None = None  # that is answered, once its head is read
        self.ticket: Ticket | None = None
        self.began = 0.0
        self.draining = False  # the next answer says that it is the last

    @property
    def its_ticket(self) -> Ticket | None:
        """That of the request at hand, if it has waited."""
        ticket = self.ticket
        return ticket if ticket is not None and ticket.request is self.request else None

    @property
    def peer_address(self) -> str:
        """That of the other end of the line; "" on a Unix socket."""
        return self._requests.peer_address

    def _answer(
        self,
        answer: Answer,
        *,
        close: bool,
        decision: Decision | None = None,
        app_seconds: float | None = None,
    ) -> None:
        request = self.request
        body = b"" if request is not None and request.method == b"HEAD" else answer.body
        connection = b"Connection: close\r\n" if close else b""
        if request is not None and request.block.http_1_0 and not close:
            connection = b"Connection: keep-alive\r\n"  # it must be told (RFC 9112, 9.3)
        date = self._plane.date_line
        self.transport.write(b"".join((answer.head, date, connection, b"\r\n", body)))
        witness = self._plane.witness
        if witness is not None:
            witness.saw(self, answer.status, len(body), decision, app_seconds)
        if close:
            self.finish(linger=request is None or request.block.has_body or bool(self._buffer))

    def _say(
        self,
        error: ClientError,
        *,
        close: bool = True,
        field: bytes = b"",
        exchange: Exchange | None = None,
    ) -> None:
        """``exchange``: whose error it is."""
        request = self.request
        close = close or request is None or not request.block.keep_alive or self.draining
        plane = self._plane
        answer = plane.error(error, request)
        if field:
            answer = replace(answer, head=answer.head + field)
        plane.tally.say(error.status)
        if exchange is None:
            self._answer(answer, close=close)
        else:
            decision, app_seconds = exchange.decision, exchange.app_seconds
            self._answer(answer, close=close, decision=decision, app_seconds=app_seconds)
