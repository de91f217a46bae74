"""The data plane of one worker: what every connection shares.

It owns the connections of both sides, the pool, the in-flight table and the tasks, and hands
each connection the clocks, the snapshot and the prebuilt answers it needs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable, Coroutine, Mapping
from email.utils import formatdate
from typing import TYPE_CHECKING, Protocol

from gateway.config.settings import Settings
from gateway.core.addresses import compile_networks
from gateway.core.decision import HeldBack
from gateway.core.passes import OWN_PATHS as LINKS
from gateway.core.snapshot import Snapshot
from gateway.pages.answers import Answer
from gateway.pages.news import News, Progress
from gateway.pages.pages import Pages
from gateway.pages.wishes import Wish, Wishes
from gateway.proxy.client.connection import ClientConnection
from gateway.proxy.client.witness import Witness
from gateway.proxy.cors import Cors
from gateway.proxy.deadlines import Sweep
from gateway.proxy.descriptors import Descriptors
from gateway.proxy.hold.usher import Usher
from gateway.proxy.in_flight import InFlight
from gateway.proxy.links import answer_link
from gateway.proxy.logged import LOGGED, Kinds
from gateway.proxy.notice.notices import Notices
from gateway.proxy.upstream.connection import UpstreamConnection
from gateway.proxy.upstream.connector import Connector
from gateway.proxy.upstream.pool import Pool
from gateway.proxy.upstream.startup import await_app
from gateway.proxy.wire.errors import ClientError
from gateway.proxy.wire.peer import Peer
from gateway.proxy.wire.request import RequestHead, RequestReader
from gateway.telemetry.access_log import AccessLog
from gateway.telemetry.tally import Tally
from gateway.telemetry.throttled_log import ThrottledLog

if TYPE_CHECKING:
    from gateway.proxy.client.reception import Reception

log = logging.getLogger("gateway.proxy")


def _nothing() -> None:
    """What a tick does where nobody waits for it."""


class Live(Protocol):
    """What the data plane needs of the state.

    ``current()`` is what a request is decided by: ``snapshot``, or another that holds more
    while this process cannot be sure of it. ``fresh()`` is the same by a read begun now.
    """

    @property
    def snapshot(self) -> Snapshot: ...
    @property
    def settings(self) -> Settings: ...
    def current(self) -> Snapshot: ...
    async def fresh(self) -> Snapshot: ...


class DataPlane:
    """One worker's data plane. Start and stop it from its event loop.

    ``ticked`` is called five times a second while it runs.
    """

    def __init__(
        self, live: Live, pages: Pages, tally: Tally, ticked: Callable[[], None] = _nothing
    ) -> None:
        self.live = live
        self.pages = pages
        self.wishes = Wishes()
        self.notices = Notices()
        self.tally = tally
        self.settings = live.settings
        self.cors = _cors(live.settings)
        self.loop = asyncio.get_running_loop()
        # As dear as the loop's, which is in whole milliseconds and stands still within a turn.
        self.time = time.monotonic
        self.wall_time = time.time
        self.clients: set[ClientConnection] = set()
        self.upstreams: set[UpstreamConnection] = set()
        self.arriving: set[socket.socket] = set()  # in a TLS handshake, say: no clients yet
        self.in_flight = InFlight(lambda: self.settings.drain.orphans, self.time)
        self.pool = Pool(self.settings.timeouts.idle)
        self.connector = Connector(self, self.settings)
        self.usher = Usher(self)
        self.default_host = _authority(self.settings)
        self.trouble = ThrottledLog(log, self.time)  # with the app
        self.descriptors = Descriptors(log, self.time)
        self._proxies = compile_networks(self.settings.trusted_proxies)
        self.leaving = False
        self.reception: Reception | None = None  # where this port takes the control plane's calls
        self.exchanges = Kinds()  # what becomes of requests that go on
        self.exchange = self.exchanges.plain  # of most: a look into the tuple less
        self.witness: Witness | None = None  # of what is answered, for the access log
        self.app_starts = self.settings.app_starts  # and takes no connections yet
        self._ticked = ticked
        self.date_line = b""
        self._date_second = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweep = Sweep(self.loop, (self.clients, self.upstreams), self._tick, self.time)
        self._empty = asyncio.Event()
        self._date()

    def start(self) -> None:
        self._sweep.start()
        self.connector.start()
        if self.app_starts:
            self.spawn(await_app(self), self._app_is_there)

    def log_to(self, access_log: AccessLog) -> None:
        """From now on there is a line for each answered request."""
        self.exchanges = LOGGED
        self.exchange = LOGGED.plain
        self.witness = Witness(self, access_log)

    def settle(self) -> None:
        """Count and log what was noted up to now."""
        self.tally.settle()
        if self.witness is not None:
            self.witness.settle()

    def take_settings(self, settings: Settings) -> None:
        """New settings; connections that are there already follow them too."""
        before, self.settings = self.settings, settings
        self.pool.idle_timeout = settings.timeouts.idle
        if settings.upstream_tls != before.upstream_tls:
            self.connector.take_settings(settings)
        self.cors = _cors(settings)
        if settings.page != before.page:
            news = self.pages.news
            self.pages = Pages(settings.page)
            self.pages.tell(news)
        if settings.trusted_proxies != before.trusted_proxies:
            self._proxies = compile_networks(settings.trusted_proxies)
            for client in self.clients:
                client.meet()

    def sweep(self, now: float) -> None:
        """Time out whoever's deadline has passed at ``now``, on the plane's clock, and call
        whoever's turn it is then.
        """
        self._sweep.sweep(now)
        self.usher.look(now)

    def say_goodbye(self) -> None:
        """From now on each answer says that it is the last one of its client's connection."""
        self.leaving = True
        for client in self.clients:
            client.draining = True

    async def retire(self, seconds: float) -> None:
        """Wait for all that is under way, without an end: nothing is cut.

        A kept connection is told with its next answer that it ends. One over which nothing
        is asked for ``seconds`` is closed then.
        """
        self.say_goodbye()
        try:
            async with asyncio.timeout(seconds):
                await self._wait_until_empty()
        except TimeoutError:
            self._drain()
            await self._wait_until_empty()

    async def finish(self, seconds: float) -> None:
        """Close what is idle, and wait for what is under way, at most for ``seconds``.

        Requests that wait for a flag get its page.
        """
        self.leaving = True
        self._drain()
        self.usher.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wait_until_empty()

    def stop(self) -> None:
        """Cut whatever is left."""
        self.in_flight.stop()
        for client in list(self.clients):
            client.stop()
        for upstream in list(self.upstreams):
            upstream.transport.abort()
        for task in self._tasks:
            task.cancel()
        self._sweep.stop()

    # For the connections

    def admit(self, client: ClientConnection) -> bool:
        """Enter a new client's connection; False: there are too many."""
        self.clients.add(client)
        self.tally.connections += 1
        self.descriptors.taken(client.transport.get_extra_info("socket").fileno())
        if self.leaving:  # it was accepted just before that stopped
            client.draining = True
            client.deadline = self.time() + self.settings.timeouts.header
        return len(self.clients) <= self.settings.limits.connections

    def reader(self, transport: asyncio.BaseTransport, source: str | None = None) -> RequestReader:
        """What reads the requests of a client's connection; ``source``: from another address."""
        name = transport.get_extra_info("peername")
        address = source or (name[0] if isinstance(name, tuple) else "")
        tls = transport.get_extra_info("sslcontext") is not None
        return RequestReader(Peer(address, tls=tls, proxies=self._proxies), self.default_host)

    def refusal(self, decision: HeldBack, request: RequestHead, snapshot: Snapshot) -> Answer:
        view = snapshot.view(decision.flag)
        assert view is not None  # noqa: S101 a decision names a flag of its own snapshot
        safe = request.method in {b"GET", b"HEAD"}
        answer = self.pages.refusal(view, self.wish(request), decision.reason, safe=safe)
        if self.cors is None:
            return answer
        fields = request.block.pairs
        return self.cors.preflight(request.method, fields) or self.cors.readable(answer, fields)

    def error(self, error: ClientError, request: RequestHead | None) -> Answer:
        """The answer for what went wrong, to a request whose head could be read or not."""
        wish = self.wishes.of(error.fields) if request is None else self.wish(request)
        answer = self.pages.error(error.status, error.title, error.detail, wish)
        if self.cors is None or request is None:
            return answer
        return self.cors.readable(answer, request.block.pairs)

    def tell(
        self,
        *,
        copies: Mapping[str, str] | None = None,
        progress: Mapping[str, Progress] | None = None,
    ) -> None:
        """What pages say from now on; what is not given stays."""
        known = self.pages.news
        copies = known.copies if copies is None else copies
        progress = known.progress if progress is None else progress
        self.pages.tell(News(copies, progress))

    def wish(self, request: RequestHead) -> Wish:
        """What the client is to read; looked for once in what it repeats."""
        block = request.block
        if block.wish is None:
            block.wish = self.wishes.of(block.pairs)
        # The test here saves a call for each refusal, where no paths are of programs.
        return self.pages.wish(block.wish, request) if self.settings.page.json else block.wish

    def own(self, request: RequestHead, snapshot: Snapshot) -> Answer:
        """The answer to a request for what notices are made of, or for a pass."""
        wish = self.wish(request)
        if request.origin.startswith(LINKS):
            # As last known: to follow a link opens nothing, and what it sets is judged each time.
            last, now = self.live.snapshot, self.wall_time()
            found = answer_link(request, last, self.pages, wish, now)
        else:
            found = self.notices.answer(request, snapshot)
        if found is not None:
            return found
        detail = "there is nothing of the gateway's here"
        return self.pages.error(404, "Not found", detail, wish)

    def spawn(
        self, work: Coroutine[None, None, None], failed: Callable[[], None]
    ) -> asyncio.Task[None]:
        """A task that the plane owns; ``failed`` is called should it end by an exception."""

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("an error of the gateway's own", exc_info=error)
                failed()

        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(done)
        return task

    def _app_is_there(self) -> None:
        self.app_starts = False

    @property
    def _busy(self) -> bool:
        return bool(self.clients or self.arriving or self.in_flight)

    def _drain(self) -> None:
        for client in list(self.clients):
            client.drain()

    async def _wait_until_empty(self) -> None:
        # By the next tick, what was accepted just before has become a client.
        while True:
            self._empty.clear()
            await self._empty.wait()
            if not self._busy:
                return

    def _date(self) -> None:
        second = int(time.time())
        if second != self._date_second:
            self._date_second = second
            self.date_line = b"Date: %b\r\n" % formatdate(second, usegmt=True).encode()

    def _tick(self, late: float = 0.0) -> None:
        self._date()
        self.tally.loop_times.add(late)
        self.settle()
        self.descriptors.look()
        if not self._busy:
            self._empty.set()
        self.usher.look(self.time())
        self._ticked()


def _cors(settings: Settings) -> Cors | None:
    return Cors(settings.cors_origins) if settings.cors_origins else None


def _authority(settings: Settings) -> bytes:
    """The Host for an HTTP/1.0 request that has none."""
    upstream = settings.upstream
    return b"localhost" if upstream.path is not None else str(upstream).encode()
