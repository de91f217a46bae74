"""A client's connection: requests in, one at a time, each decided on its own.

Theory of operation. A head is cut from the stream, parsed and decided in one synchronous
step. A refusal is one write of prebuilt bytes; a forwarded request becomes an ``Exchange``
and its body is read into that. What a client sends ahead (pipelining) waits, in a bounded
buffer, until the answer before it is out. So does what follows a request that waits itself: for
the store to be asked, for a flag that holds it, or for an app that is down.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, assert_never

from gateway.core.decision import (
    NO_FLAG_HOLDS,
    Decision,
    Forward,
    Hold,
    Reason,
    Refuse,
    decide,
    must_ask,
)
from gateway.core.snapshot import Snapshot
from gateway.pages.answers import Answer
from gateway.proxy.client.sender import DISCARD, Sender
from gateway.proxy.client.uploads import check_size
from gateway.proxy.deadlines import NEVER
from gateway.proxy.exchange import Exchange
from gateway.proxy.wire.body import NO_BODY
from gateway.proxy.wire.errors import AppError, ClientError, FramingError
from gateway.proxy.wire.head_reader import HeadReader
from gateway.proxy.wire.request import RequestHead
from gateway.telemetry.log_lines import End

if TYPE_CHECKING:
    from gateway.proxy.plane import DataPlane
    from gateway.proxy.tunnel import Tunnel

FIRST = 0.5  # seconds until the first request of a connection, when the gateway stops


class ClientConnection(Sender):
    """One connection of a client: its requests, in order."""

    __slots__ = ("_heads", "ending", "tunnel")

    def __init__(self, plane: DataPlane) -> None:
        super().__init__(plane)
        self._heads = HeadReader()
        self.ending = False  # the answer under way is the last, whether it says so or not
        self.tunnel: Tunnel | None = None

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.meet()
        self._wait_for_client()
        if not self._plane.admit(self):
            self._say(ClientError(503, "Too many connections", "the gateway is at its limit"))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 asyncio's signature
        self._plane.clients.discard(self)
        self.deadline = NEVER
        self._wait_no_more()
        if self.tunnel is not None:
            self._testify(End.WHOLE)
            tunnel, self.tunnel = self.tunnel, None
            tunnel.client_lost()
        else:
            self._abandon(End.CLIENT_LEFT)

    def data_received(self, data: bytes) -> None:
        if self.tunnel is not None:
            self.tunnel.to_app(data)
        elif self._last:
            self._discard()
        elif self._undecided is not None:
            self._hold_ahead(data)
        elif not self._body.done:
            self._take_body(data)
        elif self._exchange is not None or self._unsent:
            self._hold_ahead(data)
        else:
            self._take(data)

    def eof_received(self) -> bool:
        """A half-closed client still gets its answers (RFC 9112, 9.6 allows the half-close).

        Unless its request is incomplete, or the answer is an event stream: a page that was
        left says no more than this, and the stream might go on for ever.
        """
        self._eof = True
        exchange = self._exchange
        if self.tunnel is not None:
            waits = self.tunnel.client_ended()
        elif self._undecided is not None:
            waits = True
        elif exchange is not None:
            waits = self._body.done and not exchange.event_stream
        else:
            waits = self._unsent > 0 and self._body.done and not self._last
        return waits and self.transport.can_write_eof()  # TLS knows no half-close

    def pause_writing(self) -> None:
        """The client does not read: nothing more is read for it, and not for ever."""
        self._unsent = self.transport.get_write_buffer_size()
        self._wait_for_client()
        if self.tunnel is not None:
            self.tunnel.client_is_slow()
            return
        if self._exchange is not None:
            self._exchange.client_reads_slowly()
        self._pause()

    def resume_writing(self) -> None:
        self._unsent = 0
        if self.tunnel is not None:
            self.deadline = NEVER
            self.tunnel.client_caught_up()
        elif self._last:
            self._discard()
        elif self._exchange is not None:
            self.deadline = NEVER
            self._read_on()
            self._exchange.client_caught_up()
        else:
            self._next()

    def timed_out(self) -> None:
        """The deadline has passed: for a head, a body, the next request, or our own answer."""
        if self._unsent or self._last or self.transport.is_closing():
            self._overdue()
        elif self._uploads():
            self._wait_for_body()
        elif self._exchange is None and not self._heads.partial:
            self.finish(linger=False)
        elif self._abandon():
            self.reset()
        else:
            self._say(ClientError(408, "Request timeout", "the request took too long to arrive"))

    # The exchange's side

    def meet(self) -> None:
        """Work out who the peer is, and whether it is believed; again when that changes."""
        self._requests = self._plane.reader(self.transport)

    def exchange_ended(self, exchange: Exchange) -> None:
        """The answer is out."""
        self._exchange = None
        witness = self._plane.witness
        if witness is not None:
            witness.forwarded(self, exchange)
        if exchange.closes or self.ending:
            self.finish(linger=not exchange.uploaded or bool(self._buffer))
        else:
            self._next(exchange.ended)

    def app_failed(self, error: AppError, *, whole: bool) -> None:
        """502 or 504: nothing of the app's answer has been sent."""
        exchange, self._exchange = self._exchange, None
        said = ClientError(error.status, error.title, error.public)
        self._say(said, close=not whole, field=error.field, exchange=exchange)
        if not self.transport.is_closing() and not self._last:
            self._next()

    def cut(self, *, shown: bool = False, linger: bool = True) -> None:
        """Half an answer went out: a reset shows it, where it is not ``shown`` anyway."""
        self._testify(End.CUT)
        self._exchange = self.tunnel = None
        if not shown:
            self.reset()
            return
        self.transport.resume_reading()
        self.finish(linger=linger)

    def stop(self) -> None:
        """This process ends, and whatever is under way with it."""
        self._testify(End.CUT)
        exchange, self._exchange, self.tunnel = self._exchange, None, None
        if exchange is not None:
            exchange.client_left()
        self.transport.abort()

    def become(self, tunnel: Tunnel) -> None:
        """From here on all bytes are the tunnel's, and so is the flow."""
        self._exchange = None
        self.deadline = NEVER
        self.tunnel = tunnel
        ahead, self._buffer = self._buffer, b""
        self._paused = False
        self.transport.resume_reading()
        if ahead:
            tunnel.to_app(ahead)
        if self._eof:
            tunnel.client_ended()

    def drain(self) -> None:
        """Take no further request; finish the one under way. Tunnels go on for now.

        The first one of a connection that has just been made is on its way, and counts as that.
        """
        self.draining = self.ending = True
        if self.request is None and not self._heads.partial:
            self.deadline = min(self.deadline, self._plane.time() + FIRST)
        elif self.tunnel is None:
            self._end_if_done()

    # Reading requests

    @property
    def _busy(self) -> bool:
        return self._exchange is not None or self._undecided is not None or self._unsent > 0

    def _take(self, data: bytes) -> None:
        """Serve what has come, request by request, until one has to wait."""
        limit = self._plane.settings.limits.header_bytes
        try:
            # As _busy has it, less the call: 50 ns.
            while (
                self._exchange is None
                and self._undecided is None
                and not (self._unsent or self._last or self.transport.is_closing())
            ):
                # Mostly the fields of the one before: 1.1 us instead of 2.2, on a busy machine.
                again = None if self._heads.begun else self._requests.again(data, limit)
                if again is not None:
                    self._begin(again, b"")
                    return
                self.request = None
                cut = self._cut(data, limit)
                if cut is None:
                    return
                data = self._begin(self._requests.read(cut[0]), cut[1])
                if not data:
                    return
        except (ClientError, FramingError) as error:
            self._refuse_broken(error)
            return
        if not self._last:
            self._hold_ahead(data)

    def _cut(self, data: bytes, limit: int) -> tuple[bytes, bytes] | None:
        """The next head and what follows it, if it is whole."""
        heads = self._heads
        waited = heads.partial
        cut = heads.feed(data, limit)
        if heads.partial and not waited:
            # from a head's first byte; what trickles in after it moves nothing
            self.deadline = self._plane.time() + self._plane.settings.timeouts.header
        return cut

    def _begin(self, request: RequestHead, rest: bytes) -> bytes:
        """Decide one request; return what follows it, or nothing if that has to wait."""
        plane = self._plane
        self.request = request
        self.began = plane.time()
        if request.block.has_body:
            check_size(request.block.content_length or 0, plane.settings.limits)
            self._body = request.body()
        else:
            self._body = NO_BODY
        self.deadline = NEVER
        snapshot = plane.live.current()
        if snapshot.asks and self._must_ask(request, snapshot):
            self._undecided = plane.spawn(self._ask(request), self.reset)
            return rest
        return self._decided(request, rest, snapshot)

    def _must_ask(self, request: RequestHead, snapshot: Snapshot) -> bool:
        return must_ask(request, snapshot)

    def _decided(self, request: RequestHead, rest: bytes, snapshot: Snapshot) -> bytes:
        plane = self._plane
        # As decide() has it where no flag is on, less two calls: 0.1 us.
        nothing = snapshot.holding is None
        decision = NO_FLAG_HOLDS if nothing else decide(request, snapshot, plane.wall_time())
        if decision is NO_FLAG_HOLDS:
            exchange = plane.exchange(plane, self, request, snapshot.revision)
        else:
            match decision:
                case Refuse():
                    return self._refuse(request, decision, rest, snapshot)
                case Hold():
                    return self._hold(request, decision, rest, snapshot)
                case Forward(Reason.OWN_PATH):
                    return self._reply(request, plane.own(request, snapshot), rest, decision)
                case Forward():
                    exchange = plane.notices.exchange(plane, self, request, decision, snapshot)
                case never:
                    assert_never(never)
        body = self._body
        out = b""
        if rest and not body.done:
            out = body.feed(rest)
            check_size(body.received, plane.settings.limits)
            rest = body.surplus
        if not body.done:
            self._wait_for_body()
        self._exchange = exchange
        if self.ticket is None or not self.was_forwarded:
            plane.tally.forwarded += 1
        exchange.start(out, whole=body.done)
        return rest

    def _reply(
        self, request: RequestHead, answer: Answer, rest: bytes, decision: Decision
    ) -> bytes:
        """Answer in the app's place; read a small body so that the connection can be kept."""
        body = self._body
        close = request.block.expects_continue or (request.block.content_length or 0) > DISCARD
        close = close or not request.block.keep_alive or self.draining
        self._answer(answer, close=close, decision=decision)
        now = self._plane.time()
        if not isinstance(decision, Forward):
            self._plane.tally.refusal_times.add(now - self.began)
        if self._last or self.transport.is_closing():
            return b""
        self.deadline = now + self._plane.settings.timeouts.idle
        if not body.done:
            self._refused = True
            if rest:
                body.feed(rest)
                rest = body.surplus
            self._refused = not body.done
            if self._refused and not self._unsent:
                self._wait_for_body()
        return rest

    def _next(self, now: float = 0.0) -> None:
        """The connection is free for the next request, which may be here already.

        ``now``, on the plane's clock, where it is known.
        """
        plane = self._plane
        self.deadline = (now or plane.time()) + plane.settings.timeouts.idle
        if not (self._buffer or self._paused or self._eof or self.ending):
            return
        self._app_slow = False
        ahead, self._buffer = self._buffer, b""
        self._resume()
        if ahead:
            self._take(ahead)
        self._end_if_done()

    def _end_if_done(self) -> None:
        """A half-closed client has had its last answer, or the gateway stops."""
        if not (self._eof or self.ending) or self._last:
            return
        incomplete = not self._body.done
        if (self._eof and incomplete) or not (self._busy or incomplete):
            self.finish(linger=False)

    def _wait_for_client(self) -> None:
        self.deadline = self._plane.time() + self._plane.settings.timeouts.idle

    def _abandon(self, end: End = End.CUT) -> bool:
        """Leave the exchange under way, if any; has the client had a part of its answer?"""
        exchange = self._exchange
        if exchange is None:
            return False
        if exchange.answered or end is End.CLIENT_LEFT:
            self._testify(end)
        self._exchange = None
        exchange.client_left()
        return exchange.answered

    def _testify(self, end: End) -> None:
        """What is under way ends here, for the client."""
        witness, exchange = self._plane.witness, self._exchange
        if witness is None:
            return
        if exchange is not None:
            witness.forwarded(self, exchange, end)
        elif self.tunnel is not None:
            witness.tunnelled(self, self.tunnel, end)

    # Answering

    def _refuse_broken(self, error: ClientError | FramingError) -> None:
        """Nothing that follows can be understood: answer, and close."""
        self._buffer = b""
        self._heads.clear()
        self._body = NO_BODY
        if self._abandon():
            self.reset()
        elif self._refused:
            self.finish(linger=True)  # it has had its answer
        elif isinstance(error, FramingError):
            self._say(ClientError(400, "Bad request", str(error)))
        else:
            self._say(error)
