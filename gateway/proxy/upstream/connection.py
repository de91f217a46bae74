"""A connection to the app: one exchange at a time, and nothing taken on trust.

Theory of operation. The connection reads the head of an answer, then relays its body as it
comes. It is kept for the next exchange only if the answer ended exactly where its framing
said, the whole request had gone out, and both sides meant to go on. A byte that arrives while
nobody waits for one closes it: handed to the next visitor, it would be somebody else's answer
(response poisoning; measured in other proxies' clients). What an app sends unasked *after* its
connection was taken again cannot be told from an answer, by any proxy.
"""

from __future__ import annotations

import asyncio
import select
from typing import TYPE_CHECKING, cast

from gateway.proxy.deadlines import NEVER
from gateway.proxy.sockets import keep_watch
from gateway.proxy.tunnel import Farewell, Tunnel
from gateway.proxy.wire.body import NO_BODY, BodyReader
from gateway.proxy.wire.errors import AppError, AppTimeoutError, FramingError
from gateway.proxy.wire.response import MAX_HEAD, ResponseHead, parse_plain, parse_response

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.proxy.plane import DataPlane

MOMENT = 2.0  # seconds for what is still to be sent, and for the app to end once it is told
MAX_INFORMATIONAL = 32  # 1xx answers before the real one; more is a flood


class _Taken:
    """In a poll's place: something has arrived, whatever the kernel says."""

    def poll(self, _timeout: int) -> bool:
        return True


_TAKEN = _Taken()


class UpstreamConnection(asyncio.Protocol):
    """One TCP, TLS or Unix connection to the app."""

    __slots__ = (  # noqa: RUF023 grouped by how long a value lives
        # the worker's
        "_plane",
        # the connection's
        "_arrived",
        "deadline",
        "idle_since",
        "reused",
        "transport",
        "tunnel",
        # the exchange's
        "_body",
        "_buffer",
        "_informational",
        "_keep",
        "_patience",
        "_unread",
        "_waits",
        "came",
        "exchange",
    )

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._arrived: select.poll | _Taken = _TAKEN
        self.deadline = NEVER
        self.idle_since = 0.0
        self.reused = False
        self.tunnel: Tunnel | Farewell | None = None
        self.exchange: Exchange | None = None
        self._body: BodyReader | None = None
        self._buffer = b""
        self._informational = 0
        self._keep = False
        self._patience = NEVER  # seconds the app has for its next byte
        self._unread = 0  # bytes the app was behind when last looked at; 0: it keeps up
        self._waits = False  # for the client to read: nothing is read from the app
        self.came = 0.0  # when the app's last bytes did

    # The exchange's side

    def begin(self, exchange: Exchange, data: bytes) -> None:
        """Send a request's head and what there is of its body."""
        self.exchange = exchange
        self._informational = 0
        plane = self._plane
        self._patience = patience = plane.settings.timeouts.response
        exchange.sent = now = plane.time()
        # As _wait_for_app() has it, less the call (60 ns): what is free has nothing unread.
        self.deadline = now + patience if exchange.uploaded else NEVER
        self.transport.write(data)

    def send(self, exchange: Exchange, data: bytes) -> None:
        """Send more of the request's body."""
        self._wait_for_app(exchange)
        if exchange.uploaded:
            exchange.leave_out(self._plane.time())
        self.transport.write(data)

    def hold_back(self) -> None:
        """The client reads too slowly: stop reading, and do not blame the app for it."""
        self._waits = True
        self.deadline = NEVER
        self.transport.pause_reading()

    def go_on(self) -> None:
        if self._waits and self.exchange is not None:
            self._waits = False
            self._wait_for_app(self.exchange)
            self.transport.resume_reading()

    def quiet(self) -> bool:
        """May the next request go out here? Not if the app's end, or a byte, has arrived.

        Asked of the kernel, since what came in this turn of the loop has not been read yet: a
        request that may not be repeated would be lost, or answered by bytes that nobody asked
        for. Measured: 0.34 µs (recv with MSG_PEEK 1.08, for its exception).
        """
        return not self.transport.is_closing() and not self._arrived.poll(0)

    def abort(self) -> None:
        """Give the exchange up: the app sees its client leave."""
        self.exchange = None
        self.deadline = NEVER
        self.transport.abort()

    def finish(self) -> None:
        """Send what is left, and end."""
        self.deadline = self._plane.time() + MOMENT
        self.transport.close()

    @property
    def host(self) -> str:
        """The address at the other end, without a zone; "" on a Unix socket."""
        name = self.transport.get_extra_info("peername")
        return str(name[0]).partition("%")[0] if isinstance(name, tuple) else ""

    def let_go(self) -> None:
        """Take no further request: the app's name has other addresses now. Idempotent."""
        if self.exchange is None and self.tunnel is None:
            self._plane.pool.forget(self)
            self.finish()
        else:
            self._arrived = _TAKEN

    def dismiss(self, exchange: Exchange) -> None:
        """Nobody waits for more: say so, and give the app a moment to end.

        What it says until then is thrown away.
        """
        if self.transport.is_closing():
            return
        self._keep = False
        self.tunnel = Farewell(exchange)
        self.allow_a_moment()
        self.transport.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()  # TLS says goodbye, and waits for the same

    def allow_a_moment(self) -> None:
        """An exchange that has no end of its own gets one."""
        self.deadline = min(self.deadline, self._plane.time() + MOMENT)

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        keep_watch(transport)
        self._arrived = arrived = select.poll()
        arrived.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
        self._plane.upstreams.add(self)

    def data_received(self, data: bytes) -> None:
        if self.tunnel is not None:
            self.tunnel.to_client(data)
            return
        exchange = self.exchange
        if exchange is None:
            self._plane.pool.forget(self)
            self.transport.abort()
            return
        self.came = self._plane.time()
        try:
            if self._body is None:
                self._take_head(exchange, data)
            else:
                self._take_body(exchange, self._body, data)
        except FramingError as error:
            self._fail(AppError(f"the app's answer is malformed: {error}"))
        except AppError as error:
            self._fail(error)

    def eof_received(self) -> bool:
        if self.tunnel is not None:
            return self.tunnel.app_ended()
        exchange, body = self.exchange, self._body
        if exchange is not None and body is not None and body.at_eof():
            self._end(exchange, keep=False)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._plane.upstreams.discard(self)
        self._plane.pool.forget(self)
        self.deadline = NEVER
        if self.tunnel is not None:
            self.tunnel.app_lost(reset=exc is not None)
        elif (exchange := self.exchange) is not None:
            self.exchange = None
            self._lost(exchange, exc)

    def pause_writing(self) -> None:
        self._unread = self.transport.get_write_buffer_size()
        exchange, tunnel = self.exchange, self.tunnel
        if exchange is not None and (tunnel is None or not tunnel.over):
            self._wait_for_app(exchange)
        if tunnel is not None:
            tunnel.app_is_slow()
        elif exchange is not None:
            exchange.app_reads_slowly()

    def resume_writing(self) -> None:
        self._unread = 0
        if self.tunnel is not None:
            if not self.tunnel.over:
                self.deadline = NEVER
            self.tunnel.app_caught_up()
        elif self.exchange is not None:
            self._wait_for_app(self.exchange)
            self.exchange.app_caught_up()

    def timed_out(self) -> None:
        exchange, tunnel = self.exchange, self.tunnel
        if exchange is not None and tunnel is not None and tunnel.over:
            exchange.give_up()
        elif self.transport.is_closing():
            self.transport.abort()
        elif exchange is None:
            self._plane.pool.forget(self)
            self.finish()
        elif 0 < (unread := self.transport.get_write_buffer_size()) < self._unread:
            self._unread = unread  # slow, but at it
            self._wait_for_app(exchange)
        elif tunnel is not None:
            exchange.give_up()
        else:
            self._fail(AppTimeoutError("the app did not answer in time"))

    def _wait_for_app(self, exchange: Exchange) -> None:
        """From now on the app is awaited: to answer, or to read. Or else the client is."""
        if self._waits or not (exchange.uploaded or self._unread):
            self.deadline = NEVER
        else:
            self.deadline = self._plane.time() + self._patience

    # Reading an answer

    def _take_head(self, exchange: Exchange, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        plain = parse_plain(data)
        if plain is not None:
            self._buffer = b""
            status, length, data, begin = plain
            if length == len(data) - begin and exchange.request.method != b"HEAD":
                # whole already, as most are: nothing to be counted
                exchange.answer_whole(status, data, begin, self.came)
                self._end(exchange, keep=True)
            else:
                head = ResponseHead(status, data[: begin - 2], length)
                self._answer(exchange, head, data[begin:])
            return
        end = data.find(b"\r\n\r\n")
        if end < 0:
            if len(data) > MAX_HEAD or (b"\n" in data and b"\r\n" not in data):
                raise AppError("the head of the app's answer is too long or malformed")
            self._buffer = data
            return
        if end > MAX_HEAD:
            raise AppError("the head of the app's answer is too long")
        self._buffer = b""
        head = parse_response(data[: end + 4])
        rest = data[end + 4 :]
        if head.status == 101:
            self._switch(exchange, head, rest)
        elif head.informational:
            self._inform(exchange, head, rest)
        else:
            self._answer(exchange, head, rest)

    def _inform(self, exchange: Exchange, head: ResponseHead, rest: bytes) -> None:
        self._informational += 1
        if self._informational > MAX_INFORMATIONAL:
            raise AppError("the app sent too many informational answers")
        self._wait_for_app(exchange)
        exchange.inform(head)
        if rest:
            self._take_head(exchange, rest)

    def _switch(self, exchange: Exchange, head: ResponseHead, rest: bytes) -> None:
        if not exchange.request.upgrade or head.upgrade.lower() != b"websocket":
            raise AppError("the app switched protocols though nobody asked it to")
        self.deadline = NEVER
        exchange.switch(head, rest)

    def _answer(self, exchange: Exchange, head: ResponseHead, rest: bytes) -> None:
        self._keep = head.keep_alive
        request = exchange.request
        body = head.body(request.method, decode=request.block.http_1_0)
        if body is NO_BODY:
            exchange.answer(head, body, b"")
            self._end(exchange, keep=self._keep and not rest)
            return
        self._body = body
        if head.event_stream:
            self._patience = NEVER
        self._wait_for_app(exchange)
        first = body.feed(rest) if rest else b""  # broken already: a 502 still
        exchange.answer(head, body, first)
        if body.done:
            self._end(exchange, keep=self._keep and not body.surplus)

    def _take_body(self, exchange: Exchange, body: BodyReader, data: bytes) -> None:
        self._wait_for_app(exchange)
        out = body.feed(data)
        if out:
            exchange.relay(out)
        if body.done:
            self._end(exchange, keep=self._keep and not body.surplus)

    def _end(self, exchange: Exchange, *, keep: bool) -> None:
        """The answer is whole. The connection is free before the client may ask again."""
        self.exchange = None
        self._body = None
        if keep and exchange.uploaded and not self._unread:
            self.release(self.came)
        elif exchange.uploaded and not self._unread:
            self.deadline = NEVER
            self.transport.close()
        else:
            self.deadline = NEVER
            self.transport.abort()  # answered without reading all of the request
        exchange.end()

    def release(self, now: float) -> None:
        """Into the pool, which looks again whether it is closing when it is taken."""
        if self._waits:  # the last piece was more than the client takes at once
            self._waits = False
            self.transport.resume_reading()
        self.reused = True
        coldest = self._plane.pool.release(self, now)
        if coldest is not None:
            coldest.finish()

    def _fail(self, error: AppError) -> None:
        exchange, self.exchange = self.exchange, None
        self.deadline = NEVER
        self.transport.abort()
        if exchange is not None:
            exchange.fail(error)

    def _lost(self, exchange: Exchange, exc: Exception | None) -> None:
        untouched = self._body is None and not self._buffer and not self._informational
        if untouched and exchange.retry(reused=self.reused):
            return
        cause = f": {exc}" if exc else ""
        exchange.fail(AppError(f"the app closed the connection before its answer was whole{cause}"))
