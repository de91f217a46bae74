"""What this member answers to drains: its own exchanges in their scope, told as they end.

Theory of operation. A drain is a record; each member, woken, works out once which of its
exchanges the drain has to see the end of (``InFlightTable.watch``) and writes how many are left
as a report, again whenever the figures have changed. It does so only while it serves the drain's
revision or a later one, of the same history, and while the flag holds in what it serves: the
report of none in flight is the promise that there will be none.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sized
from contextlib import suppress
from dataclasses import dataclass, field

from gateway.core.leases import Sighting, sighted
from gateway.core.quiescence import Continuity, Report, continuity, may_report
from gateway.core.snapshot import Snapshot
from gateway.state.live import LiveState
from gateway.state.membership import Membership
from gateway.state.roll import whole
from gateway.state.traffic import InFlightTable, Watch
from gateway.state.waker import Waker
from gateway.stores.base import Record, RecordMoved, Store, StoreError

DRAINS, REPORTS, GUARDS = "drains", "reports", "guards"

POLL = 1.0  # seconds between two looks for drains, whatever wakes there were
FIRST_LOOK, LAST_LOOK = 0.002, 0.05  # seconds between two looks at exchanges that go on
FORGOTTEN = 60.0  # seconds beyond its time-out after which a drain's caller has died

_log = logging.getLogger("gateway.state")


@dataclass(frozen=True, slots=True)
class Drain:
    """What a drain's record asks. ``timeout`` (seconds) is its caller's."""

    flag: str
    user: str | None
    revision: int
    epoch: str
    timeout: float

    def document(self) -> dict[str, object]:
        return {
            "flag": self.flag,
            "user": self.user,
            "revision": self.revision,
            "epoch": self.epoch,
            "timeout": self.timeout,
        }


def read_drain(document: Mapping[str, object]) -> Drain:
    user, timeout = document.get("user"), document.get("timeout")
    return Drain(
        flag=str(document.get("flag", "")),
        user=user if isinstance(user, str) else None,
        revision=whole(document, "revision"),
        epoch=str(document.get("epoch", "")),
        timeout=float(timeout) if isinstance(timeout, int | float) else 0.0,
    )


def read_report(document: Mapping[str, object]) -> Report:
    keys = ("revision", "in_flight", "finished", "cut", "abandoned")
    return Report(*(whole(document, key) for key in keys))


@dataclass(slots=True)
class _Answer:
    """One drain as this member answers it. ``began`` is by the monotonic clock."""

    drain: Drain
    snapshot: Snapshot  # by which the exchanges were chosen
    watch: Watch
    began: float
    told: Mapping[str, object] = field(default_factory=dict)
    busy: bool = True


class Reports:
    """The member's side of all drains. ``grace`` is seconds until endless exchanges are closed.

    ``guards`` reads those that run.
    """

    def __init__(  # noqa: PLR0913 each is a part that it is given
        self,
        membership: Membership,
        store: Store,
        live: LiveState,
        traffic: InFlightTable,
        waker: Waker,
        guards: Callable[[], Awaitable[Sized]],
        *,
        grace: Callable[[], float] = lambda: 10.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._membership = membership
        self._store = store
        self._live = live
        self._traffic = traffic
        self._waker = waker
        self._guards = guards
        self._grace = grace
        self._monotonic = monotonic
        self._answers: dict[str, _Answer] = {}
        self._sightings: dict[str, Sighting] = {}

    async def run(self) -> None:
        """Answer drains until cancelled."""
        pause = POLL
        while True:
            seen = self._waker.count
            try:
                await self.step()
            except StoreError as error:
                _log.debug("drains cannot be answered: %s", error)
            if any(answer.busy for answer in self._answers.values()):
                pause = FIRST_LOOK if pause == POLL else min(pause * 2, LAST_LOOK)
            else:
                pause = POLL
            await self._waker.after(seen, pause)

    async def step(self) -> None:
        """Look for drains once, and tell each what has changed. Raises ``StoreError``."""
        began = self._monotonic()
        records = await self._store.records(DRAINS)
        awaited = bool(records or await self._guards())
        self._membership.await_revisions(yes=awaited)
        await self._drop_answers({record.key for record in records})
        self._sightings = {
            each.key: self._sightings[each.key] for each in records if each.key in self._sightings
        }
        for record in records:
            if not await self._is_forgotten(record, began):
                await self._answer(record.key, read_drain(record.document))

    async def _answer(self, key: str, drain: Drain) -> None:
        if not self._serves(drain):
            await self._live.fresh()
        if not self._serves(drain):
            self._answers.pop(key, None)
            return
        answer = self._answers[key] = self._watched(self._answers.get(key), drain)
        if self._monotonic() - answer.began >= self._grace():
            answer.watch.close_endless()
        counts = answer.watch.counts()
        answer.busy = counts.in_flight > 0
        document = {
            "revision": answer.snapshot.revision,
            "in_flight": counts.in_flight,
            "finished": counts.finished,
            "cut": counts.cut,
            "abandoned": counts.abandoned,
        }
        if document != answer.told:
            await self._store.put(REPORTS, report_key(key, self._membership.name), document)
            answer.told = document

    def _serves(self, drain: Drain) -> bool:
        live = self._live
        revision = live.acknowledged if live.epoch == drain.epoch else None
        rule = live.snapshot.agreed_rule(drain.flag)
        return may_report(drain.revision, revision, rule, drain.user)

    def _watched(self, answer: _Answer | None, drain: Drain) -> _Answer:
        # No await between the look at the snapshot and the choice of the exchanges.
        snapshot = self._live.snapshot
        if answer is not None and drain.revision <= answer.snapshot.revision:
            held = continuity(answer.snapshot, snapshot, drain.flag, drain.user)
            if held is Continuity.HELD:
                return answer
        rule = snapshot.rule(drain.flag)
        assert rule is not None  # noqa: S101 ``_serves`` has seen it
        watch = self._traffic.watch(rule, drain.user, snapshot.revision)
        began = self._monotonic() if answer is None else answer.began
        return _Answer(drain, snapshot, watch, began)

    async def _drop_answers(self, open_keys: set[str]) -> None:
        for key in [key for key in self._answers if key not in open_keys]:
            told = self._answers.pop(key).told
            if told:
                await self._store.drop(REPORTS, report_key(key, self._membership.name))

    async def _is_forgotten(self, record: Record, began: float) -> bool:
        # Whoever asked has died: nobody else would take the record away.
        known = self._sightings.get(record.key)
        sighting = sighted(known, record.beat, began, self._monotonic())
        self._sightings[record.key] = sighting
        if sighting.unmoved < read_drain(record.document).timeout + FORGOTTEN:
            return False
        with suppress(RecordMoved):
            await self._store.drop(DRAINS, record.key, expect=record.beat)
        return True


def report_key(drain: str, member: str) -> str:
    return f"{drain}/{member}"
