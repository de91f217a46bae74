"""This process as a member: registered before it loads, renewing its lease, watching others.

Theory of operation. ``start`` registers, then loads the state, then returns; only then may the
data plane listen. So a drain that reads the members after its flip was written either sees this
member, or this member's load saw the flip. One task renews the record: every three seconds, at
once where somebody waits for this member to acknowledge a revision, and when it has become
busy after a beat that said it was idle, because a beat is all that is left of a member that
dies; and when its YAML has become wrong, or right, which whoever tells webhooks reads there.
Another task reads all records each second, whatever wakes it had: it notes whose beats have
stopped, and marks siblings whose process is dead.

Every renewal is a compare-and-set on this member's own last beat. One that fails because the
record is gone, or marked as crashed, says that others took this member for gone: then the lease
is lost, and counts again only after it has registered and loaded anew.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from gateway.core.leases import Reading
from gateway.core.quiescence import Standing
from gateway.state.behind import Behind
from gateway.state.lease import Lease
from gateway.state.live import LiveState
from gateway.state.processes import Worker, is_dead, read_process
from gateway.state.roll import KIND, Member, Roll
from gateway.state.traffic import InFlightTable
from gateway.stores.base import Record, RecordMoved, Store, StoreError

POLL = 1.0  # seconds between two looks at the others
GLANCE = 0.1  # seconds between two looks at whether this member has become busy
GAP = 0.1  # seconds at least between two beats
LONGEST_ERROR = 500  # characters of what is wrong with the YAML that the others are told
RETRY = 0.5  # seconds until the next try after a renewal that failed

_log = logging.getLogger("gateway.state")


class MemberIsHere(Exception):  # noqa: N818 an answer to a caller
    """The member beats, so it cannot be told to be gone."""


class Membership:
    """One worker's record among the members'.

    ``orphans`` is for how many seconds what a dead member had in flight counts. ``lease`` must
    be the one that ``live`` fences by. ``monotonic`` is in seconds. ``error`` is why the store did
    not take the last renewal: a disk that is full, say, can still be read.
    """

    def __init__(
        self,
        worker: Worker,
        store: Store,
        live: LiveState,
        traffic: InFlightTable,
        lease: Lease,
        *,
        orphans: Callable[[], float] = lambda: 300.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = worker.name
        self.lease = lease
        self.members: list[Member] = []  # as last seen
        self.error: str | None = None
        self._awaited = False  # somebody waits for what this member acknowledges
        self._store = store
        self._live = live
        self._traffic = traffic
        self._worker = worker
        self._orphans = orphans
        self._monotonic = monotonic
        self._since = time.time()
        self._state = Standing.LIVE
        self._beat = 0  # of the last renewal known to have been written
        self._told: Mapping[str, object] = {}  # what it said
        self._due = 0.0  # when the next renewal is, by ``monotonic``
        self._last = -GAP  # when the last one began
        self._soon = asyncio.Event()
        self._roll = Roll(lease.terms)
        self._behind = Behind()
        self._turn = asyncio.Lock()
        self._ends: list[Callable[[], Awaitable[None]]] = []
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Register, then load the state. Raises ``StoreError``: this process must not listen."""
        await self.renew()
        await self._live.fresh()
        if self.lease.waits_for_load:
            raise StoreError(self._live.store_error or "the lease was not gained in time")
        self._unsubscribe = self._live.subscribe(lambda _snapshot: self._swapped())
        for name, work in (
            ("renewing the lease", self._keep),
            ("watching the members", self._watch),
        ):
            self._ends.append(self._live.followers.start(name, work))

    async def leaving(self) -> None:
        """Say that this member takes no more connections; it goes on being waited for."""
        self._state = Standing.LEAVING
        with suppress(StoreError):
            await self.renew()

    async def leave(self) -> None:
        """No more is forwarded: stop renewing, and drop the record if nothing is left behind."""
        await self.stop()
        with suppress(StoreError, RecordMoved, TimeoutError):
            async with self._turn, asyncio.timeout(self.lease.terms.every):
                if len(self._traffic) or self._traffic.abandoned:
                    document = {**self._document(), "state": Standing.CRASHED}
                    await self._store.put(KIND, self.name, document)
                else:
                    await self._store.drop(KIND, self.name)

    async def stop(self) -> None:
        """Stop renewing and watching; the record stays. Idempotent."""
        ends, self._ends = self._ends, []
        self._unsubscribe()
        self._unsubscribe = lambda: None
        for end in ends:
            await end()

    async def renew(self) -> None:
        """Write this member's record. Raises ``StoreError``: the lease runs on as it was."""
        async with self._turn:
            self._soon.clear()
            began = self.lease.begin()
            self._last = self._monotonic()
            self._due = self._last + RETRY
            try:
                async with asyncio.timeout(self.lease.terms.every):
                    await self._write(began)
            except TimeoutError as error:
                raise StoreError("the lease was not renewed in time") from error
            self._due = self._last + self.lease.terms.every

    async def look(self) -> list[Member]:
        """All members by a read begun now. Raises ``StoreError``."""
        began = self._monotonic()
        records = await self._store.records(KIND)
        ended = self._monotonic()
        self.members = self._roll.look(records, began, ended)
        self._behind.look(self.members, self._live.snapshot.revision, ended)
        return self.members

    @property
    def behind(self) -> int:
        """How many that beat do not serve what this one has served for a while, as last seen."""
        return self._behind.count

    def await_revisions(self, *, yes: bool) -> None:
        """Whether a drain or a guard is open, so that revisions are acknowledged at once."""
        self._awaited = yes
        self._swapped()

    async def forget(self, name: str) -> None:
        """The operator says that a member is gone, with all it had in flight.

        Raises ``LookupError`` where there is none of that name, ``MemberIsHere`` where it
        beats, and ``StoreError``.
        """
        found = [member for member in await self.look() if member.name == name]
        if not found:
            raise LookupError(name)
        try:
            if found[0].is_here:
                raise MemberIsHere(name)
            await self._store.drop(KIND, name, expect=found[0].record.beat)
        except RecordMoved as moved:
            raise MemberIsHere(name) from moved

    # Renewing

    async def _write(self, began: Reading) -> None:
        document = self._document()
        for _ in range(3):
            try:
                record = await self._store.put(KIND, self.name, document, expect=self._beat)
            except RecordMoved as moved:
                self._moved(moved.current)
                began = self.lease.begin()
            else:
                self._beat, self._told = record.beat, document
                self.lease.renewed(began)
                return
        raise StoreError("this member's record is written by somebody else")

    def _moved(self, current: Record | None) -> None:
        # A write of our own that was taken for failed leaves a record that is alive.
        if self._beat and (current is None or current.document.get("state") == Standing.CRASHED):
            self.lease.lose()
            _log.warning("others took this member for gone: it registers again")
        self._beat = current.beat if current else 0

    def _document(self) -> dict[str, object]:
        process = self._worker.process
        return {
            "host": process.host,
            "boot": process.boot,
            "pid": process.pid,
            "started": process.started,
            "slot": self._worker.slot,
            "since": self._since,
            "revision": self._live.acknowledged,
            "in_flight": len(self._traffic),
            "abandoned": self._traffic.abandoned,
            "state": self._state,
            "config": self._wrong(),
        }

    def _swapped(self) -> None:
        if self._awaited and self._told.get("revision") != self._live.acknowledged:
            self._soon.set()

    async def _keep(self) -> None:
        while True:
            await self._until_due()
            try:
                await self.renew()
            except StoreError as error:
                if self.error is None:
                    _log.error("the store takes no writes, the lease is not renewed: %s", error)
                self.error = str(error)
                continue
            if self.error is not None:
                _log.warning("the store takes writes again")
                self.error = None
            if self.lease.waits_for_load:
                await self._live.fresh()

    async def _until_due(self) -> None:
        while (left := self._due - self._monotonic()) > 0:
            gap = self._last + GAP - self._monotonic()
            if gap <= 0 and (self._soon.is_set() or self._has_news()):
                return
            pause = min(left, max(gap, 0.0) if self._soon.is_set() else GLANCE)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await (asyncio.sleep(pause) if self._soon.is_set() else self._soon.wait())

    def _wrong(self) -> str:
        return "; ".join(map(str, self._live.config_errors))[:LONGEST_ERROR]

    def _has_news(self) -> bool:
        if self._told.get("config") != self._wrong():
            return True
        said = self._told.get("in_flight"), self._told.get("abandoned")
        return said == (0, 0) and bool(len(self._traffic) or self._traffic.abandoned)

    # Watching

    async def _watch(self) -> None:
        while True:
            with suppress(StoreError):
                for member in await self.look():
                    await self._tidy(member)
                await self._live.fresh()  # wakes may be lost
            await asyncio.sleep(POLL)

    async def _tidy(self, member: Member) -> None:
        record = member.record
        with suppress(RecordMoved):  # somebody else was first
            if member.standing is not Standing.CRASHED:
                if record.key != self.name and self._is_dead(record):
                    _log.warning("member %s has crashed", record.key)
                    document = {**record.document, "state": Standing.CRASHED}
                    await self._store.put(KIND, record.key, document, expect=record.beat)
            elif member.gone_for >= self._orphans() or not (member.in_flight or member.abandoned):
                await self._store.drop(KIND, record.key, expect=record.beat)

    def _is_dead(self, record: Record) -> bool:
        process = read_process(record.document)
        return is_dead(process, self._worker.process, one_machine=self._worker.one_machine)
