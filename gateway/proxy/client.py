"""A client's connection: requests in, one at a time, each decided on its own.

Theory of operation. A head is cut from the stream, parsed and decided in one synchronous
step. A refusal is one write of prebuilt bytes; a forwarded request becomes an ``Exchange``
and its body is read into that. What a client sends ahead (pipelining) waits, in a bounded
buffer, until the answer before it is out. While nothing may be taken, reading is paused, so
a client can make memory grow only by those bounds.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from gateway.core.decision import Refuse, decide, must_ask
from gateway.core.snapshot import Snapshot
from gateway.pages.answers import Answer
from gateway.proxy.body import NO_BODY, BodyReader, ChunkedBody, LengthBody
from gateway.proxy.errors import AppError, ClientError, FramingError
from gateway.proxy.exchange import Exchange
from gateway.proxy.head_reader import HeadReader
from gateway.proxy.request import RequestHead, parse_request

if TYPE_CHECKING:
    from gateway.proxy.plane import DataPlane
    from gateway.proxy.tunnel import Tunnel

NEVER = float("inf")
AHEAD = 65_536  # bytes a client may send ahead of the answer it waits for
DISCARD = 65_536  # bytes of a refused body that are read, so that the connection can be kept
LINGER = 5.0  # seconds to read on after the last answer, so that a reset does not eat it


class ClientConnection(asyncio.Protocol):
    """One connection of a client."""

    __slots__ = (  # noqa: RUF023 grouped by how long a value lives
        # the worker's
        "_plane",
        # the connection's
        "_buffer",
        "_eof",
        "_heads",
        "_lingering",
        "_paused",
        "_peer",
        "_writable",
        "deadline",
        "draining",
        "transport",
        "tunnel",
        # the request's
        "_asking",
        "_body",
        "_exchange",
        "_refused",
        "_request",
    )

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._buffer = b""
        self._eof = False
        self._heads = HeadReader()
        self._lingering = False
        self._paused = False
        self._writable = True
        self.deadline = NEVER
        self.draining = False
        self.tunnel: Tunnel | None = None
        self._asking: asyncio.Task[None] | None = None
        self._body: BodyReader = NO_BODY
        self._exchange: Exchange | None = None
        self._refused = False
        self._request: RequestHead | None = None

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._peer = self._plane.peer(transport)
        self._wait_idle()
        if not self._plane.admit(self):
            self._say(ClientError(503, "Too many connections", "the gateway is at its limit"))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 asyncio's signature
        self._plane.clients.discard(self)
        self.deadline = NEVER
        if self._asking is not None:
            self._asking.cancel()
        if self.tunnel is not None:
            self.tunnel.client_lost()
        elif self._exchange is not None:
            exchange, self._exchange = self._exchange, None
            exchange.client_left()

    def data_received(self, data: bytes) -> None:
        if self.tunnel is not None:
            self.tunnel.to_app(data)
        elif self._lingering:
            pass  # thrown away, until the client ends or the deadline comes
        elif self._asking is not None:
            self._hold_ahead(data)
        elif not self._body.done:
            self._take_body(data)
        elif self._busy:
            self._hold_ahead(data)
        else:
            self._take(data)

    def eof_received(self) -> bool:
        """A half-closed client still gets its answer (RFC 9112, 9.6 allows the half-close)."""
        self._eof = True
        if self.tunnel is not None:
            return self.tunnel.client_ended()
        exchange = self._exchange
        if self._asking is not None:
            return True
        if exchange is not None and self._body.done and not exchange.endless:
            return True
        if not self._writable:
            return True  # answers are still on their way out
        if exchange is not None:
            self._exchange = None
            exchange.client_left()
        return False

    def pause_writing(self) -> None:
        """The client does not read: nothing more is read for it, and not for ever."""
        self._writable = False
        if self.tunnel is not None:
            self.tunnel.client_is_slow()
            return
        if self._exchange is not None:
            self._exchange.client_reads_slowly()
        self.hold_back()
        self._wait_idle()

    def resume_writing(self) -> None:
        self._writable = True
        if self.tunnel is not None:
            self.tunnel.client_caught_up()
        elif self._exchange is not None:
            self.deadline = NEVER
            self.go_on()
            self._exchange.client_caught_up()
        elif not self._lingering:
            self._next()

    def timed_out(self) -> None:
        """The deadline has passed: for a head, a body, the next request, or our own answer."""
        if self._lingering or not self._writable:
            self.transport.abort()
        elif self._exchange is not None:
            exchange, self._exchange = self._exchange, None
            exchange.client_left()
            self._say_timeout(answered=exchange.answered)
        elif self._heads.partial or not self._body.done:
            self._say_timeout(answered=self._refused)
        else:
            self.transport.close()

    # The exchange's side

    @property
    def keep_alive_line(self) -> bytes:
        """HTTP/1.0 must be told that the connection stays (RFC 9112, 9.3)."""
        request = self._request
        return b"Connection: keep-alive\r\n" if request is not None and request.http_1_0 else b""

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def hold_back(self) -> None:
        """Stop reading; the client is not to blame for the time that takes."""
        if not self._paused:
            self._paused = True
            self.deadline = NEVER
            self.transport.pause_reading()

    def go_on(self) -> None:
        if self._paused:
            self._paused = False
            if not self._body.done:
                self._wait_body()
            self.transport.resume_reading()

    def forwarding(self, request: RequestHead) -> bytes:
        """The field lines that tell the app where the request came from."""
        return self._peer.field_lines(request)

    def exchange_ended(self, *, close: bool, whole: bool) -> None:
        """The answer is out. ``whole``: so was the request."""
        self._exchange = None
        if close or self.draining:
            self._close(linger=not whole or bool(self._buffer))
        else:
            self._next()

    def app_failed(self, error: AppError, *, whole: bool) -> None:
        """502 or 504: nothing of the app's answer has been sent."""
        self._exchange = None
        self._say(ClientError(error.status, error.title, error.detail), close=not whole)
        if whole and not self._lingering:
            self._next()

    def cut(self) -> None:
        """Half an answer went out: let it be seen as such, with a reset."""
        self._exchange = None
        self._plane.reset(self.transport)

    def become(self, tunnel: Tunnel) -> None:
        self._exchange = None
        self.deadline = NEVER
        self.tunnel = tunnel
        ahead, self._buffer = self._buffer, b""
        self.go_on()
        if ahead:
            tunnel.to_app(ahead)
        if self._eof:
            tunnel.client_ended()

    def drain(self) -> None:
        """Take no further request; finish the one under way."""
        self.draining = True
        if not self._busy and self._body.done and not self._lingering:
            self.transport.close()

    # Reading requests

    @property
    def _busy(self) -> bool:
        return self._exchange is not None or self._asking is not None or not self._writable

    def _take(self, data: bytes) -> None:
        """Serve what has come, request by request, until one has to wait."""
        limit = self._plane.settings.limits.header_bytes
        try:
            while data and not (self._busy or self._lingering or self.transport.is_closing()):
                waited = self._heads.partial
                cut = self._heads.feed(data, limit)
                if cut is None:
                    if not waited:  # from a head's first byte; what trickles in moves nothing
                        self.deadline = self._plane.time() + self._plane.settings.timeouts.header
                    return
                data = self._begin(*cut)
        except (ClientError, FramingError) as error:
            self._refuse_broken(error)
            return
        if data and not self._lingering:
            self._hold_ahead(data)

    def _begin(self, raw: bytes, rest: bytes) -> bytes:
        """Decide one request; return what follows it, or nothing if that has to wait."""
        plane = self._plane
        self._request = None
        request = parse_request(raw, trusted=self._peer.trusted)
        request.client = self._peer.client(request)
        self._request = request
        self._body = self._reader(request)
        self.deadline = NEVER
        snapshot = plane.live.snapshot
        if snapshot.asks and must_ask(request, snapshot):
            self._asking = plane.spawn(self._ask(request))
            return rest
        return self._decided(request, rest, snapshot)

    async def _ask(self, request: RequestHead) -> None:
        """A flag with TTL 0: the store is asked before anything is decided."""
        snapshot = await self._plane.live.fresh()
        self._asking = None
        rest, self._buffer = self._buffer, b""
        try:
            rest = self._decided(request, rest, snapshot)
        except (ClientError, FramingError) as error:
            self._refuse_broken(error)
            return
        self.go_on()
        self._take(rest)
        self._end_if_left()

    def _decided(self, request: RequestHead, rest: bytes, snapshot: Snapshot) -> bytes:
        decision = decide(request, snapshot, self._plane.wall_time())
        if isinstance(decision, Refuse):
            return self._refuse(request, decision, rest, snapshot)
        body = self._body
        out = b""
        if rest and not body.done:
            out = body.feed(rest)
            self._check_size(body.received)
            rest = body.surplus
        exchange = self._exchange = Exchange(self._plane, self, request, snapshot.revision)
        self._plane.tally.forwarded += 1
        exchange.start(out, whole=body.done)
        if not body.done and not self._paused:
            self._wait_body()
        return rest

    def _refuse(
        self, request: RequestHead, decision: Refuse, rest: bytes, snapshot: Snapshot
    ) -> bytes:
        """Answer in the app's place; read a small body so that the connection can be kept."""
        self._plane.tally.refuse(decision.flag)
        answer = self._plane.refusal(decision, request, snapshot)
        body = self._body
        close = request.expects_continue or (request.content_length or 0) > DISCARD
        self._answer(answer, close=close or not request.keep_alive or self.draining)
        if self._lingering or self.transport.is_closing():
            return b""
        if not body.done and rest:
            body.feed(rest)
            rest = body.surplus
        self._refused = not body.done
        if self._refused:
            self._wait_body()
        else:
            self._wait_idle()
        return rest

    def _take_body(self, data: bytes) -> None:
        body = self._body
        try:
            out = body.feed(data)
            self._check_size(body.received)
        except (ClientError, FramingError) as error:
            self._refuse_broken(error)
            return
        if self._refused:
            self._take_refused(body)
            return
        self._buffer = body.surplus
        if body.done:
            self.deadline = NEVER
        else:
            self._wait_body()
        if self._exchange is not None:
            self._exchange.upload(out, whole=body.done)

    def _take_refused(self, body: BodyReader) -> None:
        if body.done:
            self._refused = False
            self._wait_idle()
            self._take(body.surplus)
        elif body.received > DISCARD:
            self._close(linger=True)

    def _hold_ahead(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) > AHEAD:
            self.hold_back()

    def _next(self) -> None:
        """The connection is free for the next request, which may be here already."""
        self._wait_idle()
        self.go_on()
        ahead, self._buffer = self._buffer, b""
        self._take(ahead)
        self._end_if_left()

    def _end_if_left(self) -> None:
        """A half-closed client has had its last answer."""
        if self._eof and not self._busy and not self._lingering:
            self.transport.close()

    def _reader(self, request: RequestHead) -> BodyReader:
        if request.chunked:
            return ChunkedBody()
        if not request.content_length:
            return NO_BODY
        self._check_size(request.content_length)
        return LengthBody(request.content_length)

    def _check_size(self, size: int) -> None:
        limit = self._plane.settings.limits.body_bytes
        if limit is not None and size > limit:
            raise ClientError(413, "Content too large", f"bodies end at {limit} bytes here")

    # Deadlines

    def _wait_idle(self) -> None:
        self.deadline = self._plane.time() + self._plane.settings.timeouts.idle

    def _wait_body(self) -> None:
        self.deadline = self._plane.time() + self._plane.settings.timeouts.idle

    # Answering

    def _answer(self, answer: Answer, *, close: bool) -> None:
        request = self._request
        body = b"" if request is not None and request.method == b"HEAD" else answer.body
        connection = b"Connection: close\r\n" if close else self.keep_alive_line
        date = self._plane.date_line
        self.transport.write(b"".join((answer.head, date, connection, b"\r\n", body)))
        if close:
            self._close(linger=request is None or request.has_body or bool(self._buffer))

    def _say(self, error: ClientError, *, close: bool = True) -> None:
        request = self._request
        accept = request.accept if request is not None else None
        close = close or request is None or not request.keep_alive or self.draining
        answer = self._plane.pages.error(error.status, error.title, error.detail, accept)
        self._plane.tally.say(error.status)
        self._answer(answer, close=close)

    def _say_timeout(self, *, answered: bool) -> None:
        if answered:
            self._plane.reset(self.transport)
        else:
            self._say(ClientError(408, "Request timeout", "the request took too long to arrive"))

    def _refuse_broken(self, error: ClientError | FramingError) -> None:
        """Nothing that follows can be understood: answer, and close."""
        self._buffer = b""
        self._heads.clear()
        self._body = NO_BODY
        answered = self._refused
        if self._exchange is not None:
            exchange, self._exchange = self._exchange, None
            answered = exchange.answered
            exchange.client_left()
        if answered:
            self._plane.reset(self.transport)
            return
        if isinstance(error, FramingError):
            error = ClientError(400, "Bad request", str(error))
        self._say(error)

    def _close(self, *, linger: bool) -> None:
        """Close; where the client may still be sending, first let it read the answer.

        A close with unread bytes becomes a reset, and a reset discards what the client has
        not read yet (RFC 9112, 9.6).
        """
        if linger and not self._eof and self.transport.can_write_eof():
            self._lingering = True
            self._body = NO_BODY
            self.deadline = self._plane.time() + LINGER
            self.transport.write_eof()
            self.go_on()
        else:
            self.transport.close()
