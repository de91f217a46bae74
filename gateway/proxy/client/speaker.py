"""What the gateway itself says on a client's line: refusals, and what went wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.pages.answers import Answer
from gateway.proxy.client.line import Line
from gateway.proxy.wire.errors import ClientError
from gateway.proxy.wire.request import RequestHead

if TYPE_CHECKING:
    from gateway.proxy.plane import DataPlane


class Speaker(Line):
    """A line on which answers of the gateway's own are given, each in one write."""

    __slots__ = ("_request", "draining")

    def __init__(self, plane: DataPlane) -> None:
        super().__init__(plane)
        self._request: RequestHead | None = None  # that is answered, once its head is read
        self.draining = False  # the next answer says that it is the last

    @property
    def keep_alive_line(self) -> bytes:
        """HTTP/1.0 must be told that the connection stays (RFC 9112, 9.3)."""
        request = self._request
        return b"Connection: keep-alive\r\n" if request and request.block.http_1_0 else b""

    def _answer(self, answer: Answer, *, close: bool) -> None:
        request = self._request
        body = b"" if request is not None and request.method == b"HEAD" else answer.body
        connection = b"Connection: close\r\n" if close else self.keep_alive_line
        date = self._plane.date_line
        self.transport.write(b"".join((answer.head, date, connection, b"\r\n", body)))
        if close:
            self.finish(linger=request is None or request.block.has_body or bool(self._buffer))

    def _say(self, error: ClientError, *, close: bool = True, field: bytes = b"") -> None:
        request = self._request
        close = close or request is None or not request.block.keep_alive or self.draining
        plane = self._plane
        answer = plane.error(error, request)
        if field:
            answer = replace(answer, head=answer.head + field)
        plane.tally.say(error.status)
        self._answer(answer, close=close)
