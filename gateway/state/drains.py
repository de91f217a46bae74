"""Draining, as the one who asks: open a drain, gather the reports, judge, look again, close.

Theory of operation. ``Drains`` writes a record that asks every member; their reports come by
push, and are read again each second regardless. What they come to is the pure
``gateway.core.quiescence.verdict``. Before "drained" is answered, history, flag and members are
read once more: reports were true when they were written, and the flag must have held since. A
flag that moved on meanwhile, but holds, raises the drain's revision, and the members answer anew.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from gateway.core.quiescence import (
    Continuity,
    Impossible,
    Question,
    Quiescent,
    Report,
    Tally,
    Verdict,
    Waiting,
    continuity,
    verdict,
)
from gateway.core.snapshot import Snapshot
from gateway.state.elsewhere import flags_elsewhere
from gateway.state.live import LiveState, UnknownFlag
from gateway.state.membership import Membership
from gateway.state.reports import DRAINS, REPORTS, Drain, read_report, report_key
from gateway.state.waker import Waker
from gateway.stores.base import RecordMoved, Store, StoreError

POLL = 1.0  # seconds between two looks, whatever wakes there were
RETRY = 0.1  # seconds until the next try after the store has failed


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller asks for. ``timeout`` is seconds; the rest as in ``Question``."""

    flag: str
    user: str | None = None
    timeout: float = 30.0
    assume_gone: frozenset[str] = frozenset()
    accept_orphans: bool = False
    accept_unseen: bool = False


@dataclass(frozen=True, slots=True)
class Drained:
    """How a drain ended. ``waited`` is seconds; ``reason`` says why it is not ``drained``.

    ``unseen``: requests in the flag's scope go on over another proxy, whatever is said here.
    """

    drained: bool
    request: Request
    revision: int
    waited: float
    tally: Tally
    reason: str | None = None
    unseen: bool = False

    def document(self) -> Mapping[str, object]:
        """As the control API answers it."""
        return {
            "drained": self.drained,
            "flag": self.request.flag,
            "user": self.request.user,
            "revision": self.revision,
            "members": list(self.tally.members),
            "waited": round(self.waited, 4),
            "in_flight": self.tally.in_flight,
            "finished": self.tally.finished,
            "cut": self.tally.cut,
            "abandoned": self.tally.abandoned,
            "missing": list(self.tally.missing),
            "unseen": self.unseen,
            "reason": self.reason,
        }


@dataclass(slots=True)
class _Session:
    """One drain under way: its record, and the snapshot that its reports are judged by."""

    key: str
    request: Request
    snapshot: Snapshot
    definitions: str
    beat: int = 0
    opened: bool = False
    unseen: bool = False


class Drains:
    """Asks all members. ``orphans`` is ``drain.orphans``; both clocks are in seconds."""

    def __init__(
        self,
        membership: Membership,
        store: Store,
        live: LiveState,
        waker: Waker,
        *,
        orphans: Callable[[], float] = lambda: 300.0,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._membership = membership
        self._store = store
        self._live = live
        self._waker = waker
        self._orphans = orphans
        self._monotonic = monotonic
        self._clock = clock

    async def drain(self, request: Request) -> Drained:
        """Wait until nothing that the flag holds is under way, for ``timeout`` at most.

        The flag must be on, for the user if one is named: flip it first. Raises
        ``UnknownFlag``; all else that goes wrong is told in the answer.
        """
        began = self._monotonic()
        await self._live.fresh()
        await self._live.settle()
        if self._live.snapshot.view(request.flag) is None:
            raise UnknownFlag(request.flag)
        snapshot, epoch = self._live.snapshot, self._live.epoch
        session = _Session(secrets.token_hex(8), request, snapshot, self._live.definitions)
        found: Verdict = self._refused(session, epoch) or Waiting(Tally(), (), "no answer yet")
        try:
            async with asyncio.timeout(request.timeout):
                while isinstance(found, Waiting):
                    seen = self._waker.count
                    found, pause = await self._tried(session, epoch, found)
                    if isinstance(found, Waiting):
                        await self._waker.after(seen, pause)
        except TimeoutError:
            pass
        finally:
            await self._closed(session)
        return self._drained(session, found, self._monotonic() - began)

    async def acknowledged(self, revision: int, timeout: float) -> tuple[str, ...]:  # noqa: ASYNC109 part of what is asked
        """Wait until every member that beats serves ``revision``: those that do not by then."""
        ends = self._monotonic() + timeout
        while True:
            seen = self._waker.count
            members = [member for member in await self._membership.look() if member.is_here]
            behind = tuple(each.name for each in members if (each.revision or -1) < revision)
            left = ends - self._monotonic()
            if not behind or left <= 0:
                return behind
            await self._waker.after(seen, min(POLL, left))

    async def _tried(self, session: _Session, epoch: str, before: Waiting) -> tuple[Verdict, float]:
        try:
            if not session.beat:
                await self._put(session, epoch)
            return await self._judged(session, epoch), POLL
        except RecordMoved:
            return Impossible(before.tally, "the drain's record was taken away"), 0.0
        except StoreError as error:
            return replace(before, why=f"the store cannot be reached: {error}"), RETRY

    async def _judged(self, session: _Session, epoch: str) -> Verdict:
        """The verdict now; if it is quiescent, only once everything was read again."""
        reports = await self._reports(session.key)
        # After the reports: who let something through elsewhere has said so before it reported.
        session.unseen = session.request.flag in await flags_elsewhere(self._store, self._clock())
        found = self._verdict(session, reports)
        if isinstance(found, Quiescent):
            await self._live.fresh()
        refused = self._refused(session, epoch)
        if refused is not None:
            return replace(refused, tally=found.tally)
        if not isinstance(found, Quiescent):
            return found
        if not await self._has_held(session, epoch):
            return Waiting(found.tally, found.tally.members, "were asked again: the flag has moved")
        # Who has registered since loads what is drained now, but whoever is here must have told.
        await self._membership.look()
        return self._verdict(session, reports)

    def _verdict(self, session: _Session, reports: Mapping[str, Report]) -> Verdict:
        view = session.snapshot.view(session.request.flag)
        question = Question(
            revision=session.snapshot.revision,
            strict=view is not None and view.flag.strict,
            assume_gone=session.request.assume_gone,
            accept_orphans=session.request.accept_orphans,
            orphans=self._orphans(),
            unseen=session.unseen,
            accept_unseen=session.request.accept_unseen,
        )
        members = [each.seen(reports.get(each.name)) for each in self._membership.members]
        return verdict(question, members)

    def _refused(self, session: _Session, epoch: str) -> Impossible | Waiting | None:
        """Why no report can be relied on, as the state was last read."""
        live, request = self._live, session.request
        rule = live.snapshot.rule(request.flag)
        if live.history_lost or live.epoch != epoch:
            return Impossible(Tally(), live.store_error or "the store is another")
        if live.store_error is not None:
            return Waiting(Tally(), (), f"the store cannot be reached: {live.store_error}")
        if live.acknowledged is None:
            return Waiting(Tally(), (), "this member's YAML is not the one that the store has")
        if rule is None or not rule.holds(request.user):
            whom = f" for user {request.user}" if request.user is not None else ""
            return Impossible(Tally(), f"the flag is not on{whom}")
        if live.snapshot.agreed_rule(request.flag) is None:
            return Waiting(Tally(), (), "its window has begun, but is not in the store yet")
        return None

    async def _has_held(self, session: _Session, epoch: str) -> bool:
        # If not for sure, the members are asked again, at the revision that was found.
        snapshot, request = self._live.snapshot, session.request
        held = continuity(session.snapshot, snapshot, request.flag, request.user)
        if held is Continuity.HELD and self._live.definitions == session.definitions:
            return True
        session.snapshot, session.definitions = snapshot, self._live.definitions
        await self._put(session, epoch)
        return False

    async def _put(self, session: _Session, epoch: str) -> None:
        request = session.request
        drain = Drain(request.flag, request.user, session.snapshot.revision, epoch, request.timeout)
        document = drain.document()
        session.opened = True
        record = await self._store.put(DRAINS, session.key, document, expect=session.beat)
        session.beat = record.beat

    async def _reports(self, key: str) -> dict[str, Report]:
        # The reports first, then the members: whoever has registered before it loaded the
        # flag is among them, and whoever has reported may be gone by then.
        records = await self._store.records(REPORTS)
        members = await self._membership.look()
        told = {record.key: record.document for record in records}
        names = {member.name: report_key(key, member.name) for member in members}
        return {name: read_report(told[each]) for name, each in names.items() if each in told}

    async def _closed(self, session: _Session) -> None:
        if not session.opened:
            return
        with suppress(StoreError, TimeoutError):  # members take an old one away
            async with asyncio.timeout(POLL):
                await self._close(session)

    async def _close(self, session: _Session) -> None:
        await self._store.drop(DRAINS, session.key)
        for member in self._membership.members:
            if not member.is_here:  # the others take back their own
                await self._store.drop(REPORTS, report_key(session.key, member.name))

    def _drained(self, session: _Session, found: Verdict, waited: float) -> Drained:
        match found:
            case Quiescent(tally):
                reason = None
            case Waiting(tally, _, why):
                reason = f"waited for {session.request.timeout:g} s: {why}"
            case Impossible(tally, why):
                reason = why
        revision = session.snapshot.revision
        told = session.unseen
        return Drained(reason is None, session.request, revision, waited, tally, reason, told)
