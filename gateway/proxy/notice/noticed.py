"""An exchange whose answer gets a notice, if it is an HTML page.

Theory of operation. The body goes through a ``BodyStart`` until that knows where the notice goes,
and no more of it is held than one tag. Where the place is in what came with the head, as it mostly
is, the page goes on as it was framed, its length corrected. Else it goes out in chunks (or, as it
came, to the end of the connection), since its length depends on what is still to come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.proxy.exchange import Exchange
from gateway.proxy.notice.body_start import BodyStart, Outcome
from gateway.proxy.notice.html_answers import bears_notice, style_nonce, why_not
from gateway.proxy.wire.body import NO_BODY, BodyReader, ChunkedBody
from gateway.proxy.wire.request import RequestHead
from gateway.proxy.wire.response import ResponseHead

if TYPE_CHECKING:
    from gateway.proxy.client.connection import ClientConnection
    from gateway.proxy.notice.notices import Insertion
    from gateway.proxy.plane import DataPlane


# Pages within a page: what is to be hidden is, but the notice is said once.
_FRAMES = frozenset({b"iframe", b"frame", b"embed", b"object", b"fencedframe"})


class NoticedExchange(Exchange):
    """``insertion`` is what is put where the body of a page starts."""

    _start: BodyStart | None = None  # while there is something to put in
    _payload: ChunkedBody | None = None  # takes the app's chunks apart
    _in_chunks = False  # to the client

    def __init__(
        self,
        plane: DataPlane,
        client: ClientConnection,
        request: RequestHead,
        revision: int,
        insertion: Insertion,
    ) -> None:
        super().__init__(plane, client, request, revision)
        self._insertion = insertion

    def answer(self, head: ResponseHead, body: BodyReader, first: bytes) -> None:
        why = why_not(head)
        if why is None and self.request.block.http_1_0:
            why = "http_1_0"  # it knows no chunks
        if why is not None:
            self._count(why)
            super().answer(head, body, first)
        elif not head.has_body(self.request.method):
            # The same fields as for a GET, less the length, which only that knows.
            super().answer(self._bearing(head, None), body, first)
        else:
            self._answer_page(head, body, first)

    def answer_whole(self, status: int, data: bytes, begin: int, came: float) -> None:  # noqa: ARG002 read again
        head = ResponseHead(status, data[: begin - 2], len(data) - begin)
        self.answer(head, NO_BODY, data[begin:])

    def relay(self, data: bytes) -> None:
        if self._start is None:
            super().relay(data)
        elif out := self._start.feed(self._payload.feed(data) if self._payload else data):
            super().relay(self._framed(out))

    def end(self) -> None:
        if self._start is not None:
            rest = self._framed(self._start.finish())
            self._count(str(self._start.outcome))
            if self.client is not None:
                super().relay(rest + b"0\r\n\r\n" if self._in_chunks else rest)
        super().end()

    def _answer_page(self, head: ResponseHead, body: BodyReader, first: bytes) -> None:
        framed = any(
            name.lower() == b"sec-fetch-dest" and value in _FRAMES
            for name, value in self.request.fields
        )
        start = BodyStart(self._insertion.html(style_nonce(head), framed=framed))
        payload = ChunkedBody(decode=True) if head.chunked else None
        data = payload.feed(first) if payload else first
        out = start.feed(data)
        length = head.content_length
        if start.outcome is None and length == len(data):
            out += start.finish()
        if start.outcome not in {None, Outcome.SHOWN}:
            self._count(str(start.outcome))
            super().answer(head, body, first)
        elif length is not None and start.outcome is Outcome.SHOWN:
            self._count(Outcome.SHOWN)
            longer = self._bearing(head, length + len(out) - len(data))
            super().answer(longer, body, out)
        else:
            self._start, self._payload = start, payload
            self._in_chunks = head.chunked or length is not None
            opened = self._bearing(head, None)
            opened.chunked = self._in_chunks
            super().answer(opened, body, self._framed(out))

    def _bearing(self, head: ResponseHead, length: int | None) -> ResponseHead:
        return bears_notice(head, self._insertion.flags, length)

    def _framed(self, data: bytes) -> bytes:
        return b"%x\r\n%b\r\n" % (len(data), data) if data and self._in_chunks else data

    def _count(self, outcome: str) -> None:
        if outcome and self._insertion.flags:
            self._plane.tally.noticed(outcome)
