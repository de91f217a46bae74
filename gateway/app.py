"""The composition root: the only place that wires the parts together and starts them."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass

from gateway.config.settings import Settings
from gateway.control.server import ControlServer
from gateway.control.services import Barrier, Services
from gateway.figures import WorkerFigures
from gateway.open_files import make_room
from gateway.orders import Orders, unless
from gateway.pages.pages import Pages
from gateway.proxy.client.listener import Listener
from gateway.proxy.client.reception import Reception
from gateway.proxy.deadlines import PERIOD
from gateway.proxy.plane import DataPlane
from gateway.sockets import Sockets, bind, close, named, permit
from gateway.state.drains import Drains
from gateway.state.elsewhere import Elsewhere
from gateway.state.fetched_pages import FetchedPages, pages_to_fetch
from gateway.state.forgotten import LongOn
from gateway.state.guard_progress import GuardProgress, flags_that_tell
from gateway.state.guards import Guards
from gateway.state.lease import Lease
from gateway.state.live import LiveState
from gateway.state.membership import Membership
from gateway.state.processes import Worker, this_process
from gateway.state.reports import Reports
from gateway.state.waker import Waker
from gateway.stores import open_store
from gateway.stores.base import Store
from gateway.telemetry.access_log import AccessLog
from gateway.telemetry.metrics import Guarded, Metrics, Seen
from gateway.telemetry.shared_tally import Desk
from gateway.telemetry.tally import Tally
from gateway.webhooks.webhooks import Webhooks

log = logging.getLogger("gateway")

NAMED = 5  # flags in a line of status
_START_PATIENCE = 1.0  # seconds for calls that came while the start failed


@dataclass(frozen=True, slots=True)
class Seat:
    """One worker's place among the ``workers`` of a gateway.

    ``public`` and ``control`` are the sockets bound for it (none: it binds its own), ``desk``
    is where it tells the others what it counts.
    """

    slot: int = 0
    workers: int = 1
    public: Sockets = ()
    control: Sockets = ()
    desk: Desk | None = None


ALONE = Seat()


class Gateway:
    """One worker: its state, its data plane, its control plane, and its place among the members.

    It is a member from before it loads the state until its last exchange has ended: it renews
    its lease and answers drains while it retires, too.
    """

    def __init__(
        self, settings: Settings, environ: Mapping[str, str] | None = None, seat: Seat = ALONE
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._seat = seat
        self._host = socket.gethostname()
        mark = secrets.token_hex(3)  # a pid may come back
        self._member = f"{self._host}-{os.getpid()}-{seat.slot}-{mark}"
        self._since = time.time()
        self._tally = Tally()
        self._control: ControlServer | None = None
        self._access_log: AccessLog | None = None
        self._cleanup = AsyncExitStack()
        self.address = ""
        self.control_address: str | None = None

    async def start(self) -> None:
        """State first, then the membership, the control plane, and last the public port.

        Raises StoreError, ConfigErrors or OSError; what had been started is stopped again.
        """
        try:
            await self._start()
        except BaseException:
            await self._cleanup.aclose()
            raise

    @property
    def settings(self) -> Settings:
        """As they are by now, once it is started: it follows the YAML."""
        return self._state.settings

    @property
    def condition(self) -> str:
        """In one line, for whoever looks after processes: what is on, and what is wrong."""
        state = self._state
        on = [view.flag.name for view in state.snapshot.views if view.is_on]
        more = f" and {len(on) - NAMED} more" if len(on) > NAMED else ""
        parts = [
            f"revision {state.snapshot.revision}",
            f"on: {', '.join(on[:NAMED])}{more}" if on else "no flag is on",
            "the YAML is wrong, and the last good one holds" if state.config_errors else "",
            "the store is out of reach" if state.store_error is not None else "",
        ]
        return "; ".join(filter(None, parts))

    async def serve(self, orders: Orders) -> None:
        """Go on until told to leave or to stop; return when all has ended."""
        await orders.end.wait()
        if not orders.stopping.is_set():
            log.info("leaving: finishing what is under way")
            await unless(orders.stopping, self.retire())
        elif orders.patient:
            await self._linger(orders.hurry)
        await self.stop(orders.hurry)

    async def retire(self) -> None:
        """Accept no more, and cut nothing: wait until the last exchange has ended."""
        patience = self._state.settings.timeouts.shutdown
        self._stop_accepting()
        waits = [self._plane.retire(patience), self._barrier.membership.leaving()]
        if self._control is not None:
            waits.append(self._control.emptied(patience))
        await asyncio.gather(*waits)

    async def stop(self, hurry: asyncio.Event | None = None) -> None:
        """Accept no more, finish what is under way within ``timeouts.shutdown``, let go.

        ``hurry`` ends the wait before its time.
        """
        patience = self._state.settings.timeouts.shutdown
        self._stop_accepting()
        waits = [self._plane.finish(patience), self._barrier.membership.leaving()]
        if self._control is not None:
            waits.append(self._control.finish(patience))
        await unless(hurry or asyncio.Event(), *waits)
        self._plane.stop()
        await self._cleanup.aclose()
        self._publish()

    async def _linger(self, hurry: asyncio.Event) -> None:
        """Go on for ``timeouts.linger``, but let no connection stay.

        Whoever sends visitors here has not heard yet that this gateway goes; and a kept connection
        that is closed just like that costs the request that is on its way over it.
        """
        seconds = self._state.settings.timeouts.linger
        if seconds:
            log.info("stopping: lingering for %g s", seconds)
            self._plane.say_goodbye()
            await unless(hurry, asyncio.sleep(seconds))

    async def _start(self) -> None:
        settings = self._settings
        store, lease = open_store(settings.store), Lease()
        self._state = LiveState(settings, store, environ=self._environ, lease=lease)
        self._cleanup.push_async_callback(self._state.close)
        await self._state.start()
        self._make_room()
        pages = Pages(self._state.settings.page)
        self._plane = DataPlane(self._state, pages, self._tally, self._tick)
        self._figures = WorkerFigures(self._plane, self._state, self._tally, lease, self._seat.desk)
        self._open_access_log()
        self._watch_for_forgotten()
        self._metrics = Metrics(self._figures.of_all, lambda: self._state.snapshot, self._seen)
        self._cleanup.callback(self._state.subscribe(lambda _snapshot: self._follow()))
        self._listener = Listener(self._plane, self._state.settings)
        waker = Waker(store)
        await self._join(store, lease, waker)
        self._start_telling(store, waker)
        await self._start_control()
        self._plane.start()
        self._cleanup.callback(self._listener.stop)
        public = self._seat.public or bind(settings.listen)
        permit(settings.listen, settings.listen_mode)
        self.address = await self._listen(self._listener, public)

    def _open_access_log(self) -> None:
        settings = self._settings.access_log
        if settings is None:
            return
        try:
            self._access_log = AccessLog(settings, self._member, self._tally)
        except OSError as error:
            raise OSError(f"access_log.path: {error.strerror}: {settings.path}") from error
        self._cleanup.push_async_callback(self._access_log.close)
        self._plane.log_to(self._access_log)
        self._cleanup.callback(self._plane.settle)

    def _watch_for_forgotten(self) -> None:
        state, self._long_on = self._state, LongOn()
        self._long_on.follow(state.snapshot)
        self._cleanup.callback(state.subscribe(self._long_on.follow))
        name = "looking for forgotten flags"
        self._cleanup.push_async_callback(state.followers.start(name, self._long_on.run))

    def _seen(self) -> Seen:
        membership, guards = self._barrier.membership, self._barrier.guards
        return Seen(
            self._long_on.since,
            {each.flag for each in self._long_on.forgotten},
            [member.standing for member in membership.members],
            membership.behind,
            [Guarded(each.flag, each.abandoned) for each in guards.known],
            [webhook.name for webhook in self._state.settings.webhooks],
        )

    async def _join(self, store: Store, lease: Lease, waker: Waker) -> None:
        """Register, then load the state once more; from then on renew, and answer drains."""
        state, traffic = self._state, self._plane.in_flight

        def orphans() -> float:
            return state.settings.drain.orphans

        one_machine = self._settings.store.startswith(("sqlite:", "memory:"))
        worker = Worker(self._member, this_process(), self._seat.slot, one_machine)
        membership = Membership(worker, store, state, traffic, lease, orphans=orphans)
        self._cleanup.push_async_callback(membership.leave)
        await membership.start()
        guards = Guards(store)
        reports = Reports(
            membership,
            store,
            state,
            traffic,
            waker,
            guards.all,
            grace=lambda: state.settings.drain.grace,
        )
        for name, work in (("listening for wakes", waker.run), ("answering drains", reports.run)):
            self._cleanup.push_async_callback(state.followers.start(name, work))
        drains = Drains(membership, store, state, waker, orphans=orphans)
        self._barrier = Barrier(membership, drains, guards, Elsewhere(store))

    def _start_telling(self, store: Store, waker: Waker) -> None:
        """Webhooks, and what pages are told: copies of pages elsewhere, and how far guards are."""
        state = self._state
        self._webhooks = Webhooks(
            store,
            state,
            self._barrier.membership,
            waker,
            forgotten=lambda: self._long_on.forgotten,
            count=self._tally.deliver,
        )
        self._fetched = FetchedPages(
            lambda: pages_to_fetch(state.settings),
            lambda copies: self._plane.tell(copies=copies),
        )
        self._cleanup.callback(state.subscribe(lambda _snapshot: self._fetched.edited()))
        progress = GuardProgress(
            Guards(store),
            lambda: flags_that_tell(state.settings),
            lambda told: self._plane.tell(progress=told),
        )
        for name, work in (
            ("fetching pages", self._fetched.run),
            ("telling progress", progress.run),
            ("telling webhooks", self._webhooks.run),
        ):
            self._cleanup.push_async_callback(state.followers.start(name, work))
        self._cleanup.push_async_callback(self._webhooks.end)

    async def _start_control(self) -> None:
        control = self._settings.control
        if control.listen is None and not control.on_public_port:
            return
        services = Services(
            state=self._state,
            metrics=self._metrics.exposition,
            in_flight=lambda: len(self._plane.in_flight),
            concerned=self._plane.in_flight.concerned,
            member=self._describe,
            pages=lambda: self._plane.pages,
            tally=self._tally,
            fetched=lambda: self._fetched.pages,
            barrier=self._barrier,
            webhooks=self._webhooks,
            held=lambda: self._figures.of_all().held,
            forgotten=lambda: self._long_on.forgotten,
            listening=lambda: self._listener.listening,
            app_starts=lambda: self._plane.app_starts,
            leaving=lambda: self._plane.leaving,
            gathered=self._gathered,
            traffic=self._figures.traffic,
        )
        patience = self._settings.timeouts.shutdown
        self._control = ControlServer(services, patience=patience)
        self._cleanup.push_async_callback(self._control.finish, _START_PATIENCE)
        if control.listen is None:
            await self._control.start(())
        else:
            sockets = self._seat.control or bind(control.listen)
            self.control_address = await self._listen(self._control, sockets)
        if control.on_public_port:
            self._plane.reception = reception = Reception(
                self._state.settings, self._control.private
            )
            if self._access_log is not None:
                reception.plane.log_to(self._access_log)
            reception.start()
            self._cleanup.callback(reception.stop)

    async def _listen(self, server: Listener | ControlServer, sockets: Sockets) -> str:
        self._cleanup.callback(close, sockets)
        await server.start(sockets)
        return named(sockets)

    def _stop_accepting(self) -> None:
        self._listener.stop()
        if self._control is not None:
            self._control.stop()
        if self._plane.reception is not None:
            self._plane.reception.let_go()

    def _follow(self) -> None:
        before, settings = self._plane.settings.limits, self._state.settings
        self._plane.take_settings(settings)
        self._listener.take_settings(settings)
        if self._plane.reception is not None:
            self._plane.reception.take_settings(settings)
        if settings.limits.connections != before.connections:
            self._make_room()

    def _make_room(self) -> None:
        # Each worker has a limit of its own, and all have the same.
        make_room(self._state.settings.limits.connections, tell=self._seat.slot == 0)

    def _describe(self) -> Mapping[str, object]:
        plane = self._plane
        return {
            "member": self._member,
            "host": self._host,
            "pid": os.getpid(),
            "slot": self._seat.slot,
            "workers": self._seat.workers,
            "state": "leaving" if plane.leaving else "live",
            "since": self._since,
            "revision": self._state.snapshot.revision,
            "in_flight": len(plane.in_flight),
            "abandoned": plane.in_flight.abandoned,
            "connections": len(plane.clients),
            "app_connections": len(plane.upstreams),
        }

    def _tick(self) -> None:
        if self._access_log is not None:
            self._access_log.flush()
        self._publish()

    def _publish(self) -> None:
        # The figures are of the plane, which is there first and has each of its sweeps publish.
        self._figures.publish()

    async def _gathered(self) -> None:
        # By then each of the others has told its count at least once more.
        if self._seat.workers > 1:
            await asyncio.sleep(1.5 * PERIOD)
