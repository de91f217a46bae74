"""One request on its way to the app, and its answer on the way back.

Theory of operation. An exchange is made in the same synchronous step as the decision to
forward, and entered in the in-flight table. It leaves the table when the *app's* side has
ended, not the client's: an app that works for a client that has left is still working.

An exchange ends by itself or is given up: then bytes of it were sent, and the app may be at
work on them unseen. One that has no end of its own (a tunnel, an event stream) is cut when it is
drained, which the client can see, and the app has a moment to end it.

Bytes go straight from one connection's protocol to the other's transport. Either side's
full buffer stops the reading of the other, so an exchange holds at most two transport
buffers, whatever the sizes of the bodies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.core.decision import NO_FLAG_HOLDS, Forward, decide
from gateway.proxy.tunnel import Tunnel
from gateway.proxy.upstream.pool import FRESH
from gateway.proxy.wire.body import BodyReader, UntilClose
from gateway.proxy.wire.errors import AppError, LeaseOutError
from gateway.proxy.wire.request import RequestHead
from gateway.proxy.wire.response import ResponseHead

if TYPE_CHECKING:
    from gateway.proxy.client.connection import ClientConnection
    from gateway.proxy.plane import DataPlane
    from gateway.proxy.upstream.connection import UpstreamConnection

# What is still read of an answer whose client left while it came, so that the app can end
# its work and its connection be kept. Beyond, the app is told by closing.
LEFT_OVER = 1 << 20
_LEASE_OUT = "the gateway has lost touch with its store"


class Exchange:
    """``uploaded``: the request has gone out whole. ``answered``: a head went to the client.

    ``closes``: the answer says that the client's connection ends with it. ``was_cut``: by
    ``close_endless``. On the plane's clock: ``given_up_at``; ``sent``, when what the app has had of
    it had gone out; ``ended``, if its answer came whole; and ``began``, when the gateway began with
    it, later by what is not its share.
    """

    # Defaults are the class's, so that a plain exchange sets only what differs.
    uploaded = False
    answered = False
    event_stream = False
    upstream: UpstreamConnection | None = None
    was_cut = False
    given_up_at: float | None = None
    _tunnel: Tunnel | None = None
    closes = False
    _retried = False
    _slow = False
    _until_close = False
    _pending = b""  # what goes out first, once a new connection is there
    _discarded = 0
    sent = 0.0
    ended = 0.0
    # For the access log, where there is one
    decision: Forward = NO_FLAG_HOLDS
    status = 0
    size = 0
    app_seconds: float | None = None

    def __init__(
        self, plane: DataPlane, client: ClientConnection, request: RequestHead, revision: int
    ) -> None:
        self._plane = plane
        self.client: ClientConnection | None = client
        self.request = request
        self.revision = revision
        self.began = client.began

    # The drain's side

    def close_endless(self) -> None:
        """Close it if it has no end of its own; it stays in flight until it has ended."""
        if self.was_cut or self.upstream is None:
            return
        if self._tunnel is not None:
            self.was_cut = True
            self._tunnel.restart()
        elif self.event_stream or self._until_close:
            self.was_cut = True
            client, self.client = self.client, None
            if client is not None:
                # Chunks without a last one show it; where only the end tells, a reset must.
                client.cut(shown=not (self._until_close or self.request.block.http_1_0))
            self.upstream.dismiss(self)

    def stop(self) -> None:
        """This process ends."""
        if self.upstream is not None:
            self.give_up()
        else:
            self._leave()

    def is_fenced(self) -> bool:
        """Whether this process slept, or lost its store, and others may take this for ended.

        Asked before more of the request goes to the app.
        """
        live = self._plane.live
        current = live.current()
        if current is live.snapshot:
            return False
        return not isinstance(decide(self.request, current, self._plane.wall_time()), Forward)

    # The client's side

    def start(self, body: bytes, *, whole: bool) -> None:
        """Go out on a kept connection, or wait for a new one."""
        self.uploaded = whole
        plane = self._plane
        plane.in_flight.add(self)
        # Of a request that may be sent twice, the age of the connection is not asked.
        since = None if self.request.repeatable() else plane.time() - FRESH
        connection = plane.pool.take(since)
        if connection is not None:
            self.upstream = connection
            connection.begin(self, self.request.forwarded() + body)
            return
        self._connect(body)

    def connected(self, connection: UpstreamConnection) -> None:
        """The new connection is there. A client that left had sent its whole request, or not."""
        if self.client is None and not self.uploaded:
            connection.abort()
            self._leave()
            return
        if connection.transport.is_closing():
            self.unreached(AppError("the app closed the connection before anything was sent"))
            return
        if self.is_fenced():
            connection.abort()
            self.fail(LeaseOutError(_LEASE_OUT))
            return
        self.upstream = connection
        pending, self._pending = self._pending, b""
        held_back, self._slow = self._slow, False
        connection.begin(self, pending)
        if held_back and not self._slow:  # begin() may have filled the new one already
            self.app_caught_up()

    def upload(self, data: bytes, *, whole: bool) -> None:
        """More of the request's body, framed as it goes out."""
        if self.is_fenced():
            if self.upstream is not None:
                self.upstream.abort()
            self.fail(LeaseOutError(_LEASE_OUT))
            return
        self.uploaded = whole
        if self.upstream is not None:
            self.upstream.send(self, data)
            return
        self._pending += data
        self.app_reads_slowly()

    def client_left(self) -> None:
        """The client is gone. An app that has the whole request may end its work."""
        self.client = None
        if self.upstream is None:
            return  # still connecting: settled in connected() and fail()
        if not self.uploaded:
            self.give_up()
        elif self.event_stream or self._until_close:
            self.upstream.dismiss(self)
        else:
            self.upstream.go_on()

    def client_reads_slowly(self) -> None:
        if self.upstream is not None:
            self.upstream.hold_back()

    def client_caught_up(self) -> None:
        if self.upstream is not None:
            self.upstream.go_on()

    # The app's side

    def app_reads_slowly(self) -> None:
        self._slow = True
        if self.client is not None:
            self.client.hold_back()

    def app_caught_up(self) -> None:
        self._slow = False
        if self.client is not None:
            self.client.go_on()

    def inform(self, head: ResponseHead) -> None:
        """A 1xx: relayed, and never taken for the answer (RFC 9110, 15.2)."""
        if self.client is not None and not self.request.block.http_1_0:
            self.client.write(head.relayed(b""))

    def answer(self, head: ResponseHead, body: BodyReader, first: bytes) -> None:
        """The answer's head with what has come of its body, in one write."""
        self.answered = True
        decode = self.request.block.http_1_0
        close = False
        if head.content_length is None:
            self.event_stream = head.event_stream
            self._until_close = isinstance(body, UntilClose)
            close = self._until_close or (decode and head.chunked)
        client = self.client
        if client is not None:
            connection = self._connection_line(client, close=close)
            client.transport.write(head.relayed(connection, first, decode=decode))
        elif self.event_stream and self.upstream is not None:
            self.upstream.dismiss(self)  # it has no end to be read to
        self._measured(head.status)

    def answer_whole(self, status: int, data: bytes, begin: int, came: float) -> None:
        """A plain answer that ``came`` whole. ``data`` goes on; its body begins at ``begin``."""
        self.answered = True
        client = self.client
        if client is not None:
            block = self.request.block
            # Most connections stay without a word: a call less.
            if block.http_1_0 or client.draining or not (block.keep_alive and self.uploaded):
                connection = self._connection_line(client, close=False)
                data = b"%b%b%b" % (data[: begin - 2], connection, data[begin - 2 :])
            client.transport.write(data)
        # As _measured() and Tally.answered() have it, less the calls.
        plane, sent = self._plane, self.sent
        self.ended = now = plane.time()
        tally = plane.tally
        tally.app_times[status // 100 if status < 600 else 5].add(came - sent)
        tally.forward_times.add(sent - self.began + now - came)

    def relay(self, data: bytes) -> None:
        if self.client is not None:
            self.client.write(data)
            return
        self._discarded += len(data)
        if self._discarded > LEFT_OVER:
            self.give_up()

    def switch(self, head: ResponseHead, rest: bytes) -> None:
        """101: from here on the two connections are one tunnel."""
        client, upstream = self.client, self.upstream
        assert upstream is not None  # noqa: S101 it is who calls
        if client is None:
            upstream.dismiss(self)
            return
        self._measured(101)
        tunnel = self._tunnel = Tunnel(self, client, upstream)
        client.write(head.relayed(b"Connection: Upgrade\r\nUpgrade: %b\r\n" % head.upgrade))
        upstream.tunnel = tunnel
        if rest:
            tunnel.to_client(rest)
        client.become(tunnel)

    def end(self) -> None:
        """The answer has been read to its end."""
        client = self.client
        self._plane.in_flight.discard(self)
        self.upstream = self.client = None
        if client is not None:
            client.exchange_ended(self)

    def fail(self, error: AppError) -> None:
        """No answer, or half a one: say so where nothing was said yet, else cut it visibly."""
        client = self.client
        if self.upstream is not None:
            self._abandon()
        self._leave()
        if self.was_cut:
            return
        self._plane.tally.failed(error.status)
        if not self.answered:
            self._unanswered()
        self._plane.trouble.warning(f"{error.status}: {error.detail}")
        if client is None:
            return
        if self.answered:
            client.cut()
        else:
            client.app_failed(error, whole=self.uploaded)

    def unreached(self, error: AppError) -> None:
        """No connection was had, and the app has nothing of it: it may wait, as if just arrived."""
        client = self.client
        if client is None or not self._plane.usher.waits_for_app:
            self.fail(error)
            return
        body = self._pending[len(self.request.forwarded()) :]
        if client.await_app(body, sent=self._retried):
            self._leave()
        else:
            self.fail(error)

    def retry(self, *, reused: bool) -> bool:
        """The connection was lost before a byte of answer: once more, where that is safe.

        ``reused``: it may have been closed just as the request was on its way. Where requests
        wait for the app, one that is closed with a restart is told from none, and sent again too.
        """
        client = self.client
        if client is None or not (reused or self._plane.usher.waits_for_app):
            return False
        if self._retried or client.was_sent or not self.request.repeatable():
            return False
        self._retried = True
        self._plane.tally.retried += 1
        self.leave_out(self._plane.time())
        self.sent = 0.0
        self._abandon()  # what was lost may have been read
        self.upstream = None
        self._connect(b"")
        return True

    def tunnel_ended(self, *, whole: bool) -> None:
        """The app's side has ended; ``whole``: not by a reset."""
        if not whole:
            self._abandon()
        self._leave()

    def leave_out(self, now: float) -> None:
        """What has passed since it was sent is neither the gateway's share nor the app's."""
        self.began += now - self.sent
        self.sent = now

    def give_up(self) -> None:
        """End it here and now; the app is told by closing."""
        if self.upstream is not None:
            self.upstream.abort()
        self._abandon()
        self._leave()

    def _connection_line(self, client: ClientConnection, *, close: bool) -> bytes:
        """Settle whether the client's connection ends with the answer, and tell it if it must be.

        ``close``: it does, whatever the request says.
        """
        block = self.request.block
        close = close or client.draining or not (block.keep_alive and self.uploaded)
        self.closes = close
        if close:
            return b"Connection: close\r\n"
        # HTTP/1.0 must be told that the connection stays
        return b"Connection: keep-alive\r\n" if block.http_1_0 else b""

    def _connect(self, body: bytes) -> None:
        self._pending = self.request.forwarded() + body
        self._plane.connector.connect(self)

    def _abandon(self) -> None:
        table = self._plane.in_flight
        if self in table and not self.was_cut:
            self._tunnel = None  # it is kept for long, and the connections need not be
            table.give_up(self)

    def _measured(self, status: int) -> None:
        """The head of the answer has just been written."""
        plane, upstream, sent = self._plane, self.upstream, self.sent
        assert upstream is not None  # noqa: S101 it has answered
        came = upstream.came
        plane.tally.answered(status, came - sent, sent - self.began + plane.time() - came)

    def _unanswered(self) -> None:
        plane = self._plane
        now = plane.time()
        if self.sent:
            plane.tally.unanswered(now - self.sent)
        plane.tally.forward_times.add((self.sent or now) - self.began)

    def _leave(self) -> None:
        self._plane.in_flight.discard(self)
        self.upstream = None
        self.client = None
