"""The protocol of quiescence as single steps: several members, a store, a guard, their clocks.

All rules are the real ones (leases, verdict, continuity, loss of history, the roll); what is
simulated is time, the store, the messages to and from it, and the exchanges. ``broken`` names
one rule that is left out or turned around, to show that it is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache

from gateway.core.flags import Exemptions, Flag, FlagState
from gateway.core.overrides import Override, state_digest
from gateway.core.quiescence import (
    Continuity,
    Question,
    Quiescent,
    Report,
    Verdict,
    Waiting,
    continuity,
    may_report,
    verdict,
)
from gateway.core.snapshot import Snapshot, compile_snapshot, fence
from gateway.state.history import has_lost
from gateway.state.lease import Lease
from gateway.state.roll import Roll
from gateway.stores.base import Record, StoredState

Takes = Callable[[], Iterable[float]]  # the seconds that a message takes, bit by bit
FOREVER = 1e9  # seconds: orphans are never taken for ended here

BROKEN = (
    "acknowledge before the swap",
    "count the lease from the end of the renewal",
    "load before registering",
    "count a late renewal without a load",
    "ignore what was admitted earlier",
    "trust an old look at the members",
    "go by the boot clock alone",
)


@cache
def flag(strict: bool) -> Flag:  # noqa: FBT001 the cache's key
    return Flag("site", FlagState(enabled=False), strict=strict)


@cache
def snapshot(strict: bool, revision: int, at: float | None, other: float | None) -> Snapshot:  # noqa: FBT001 the cache's key
    """The flag at a revision: on since ``at``, or off; ``other`` is that of a lost history."""
    return compile_snapshot(
        [flag(strict)],
        _overrides(strict, at),
        revision=revision,
        allow=Exemptions(),
        now=0.0,
        others=_overrides(strict, other) if other is not None else None,
    )


def _overrides(strict: bool, at: float | None) -> dict[str, Override]:  # noqa: FBT001 as above
    if at is None:
        return {}
    digest = state_digest(flag(strict).state)
    return {"site": Override(digest, {"enabled": True}, at, "guard", "")}


@dataclass
class Clock:
    """A clock that runs a little fast or slow, and may be set."""

    rate: float = 1.0
    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now

    def run(self, seconds: float) -> None:
        self.now += seconds * self.rate


@dataclass(eq=False)
class Exchange:
    """One exchange: when it was admitted, and by which revision; ``beat``: of its member then."""

    revision: int
    beat: int


@dataclass(eq=False)
class Member:
    """One worker. ``serves``: what it has swapped in; None until it listens."""

    name: str
    strict: bool
    boot: Clock
    wall: Clock
    serves: StoredState | None = None
    lost: StoredState | None = None
    listens: bool = False
    alive: bool = True
    frozen: bool = False
    paused: bool = False  # a frozen one whose whole machine stands still
    exchanges: list[Exchange] = field(default_factory=list)
    beat: int = 0
    renewing: tuple[object, bool, bool] | None = None  # began, written, known to have failed
    reading: tuple[int, StoredState | None] | None = None  # renewals, what the store said

    def __post_init__(self) -> None:
        self.lease = Lease(boot=self.boot, wall=self.wall)

    @property
    def acts(self) -> bool:
        return self.alive and not self.frozen

    @property
    def snapshot(self) -> Snapshot:
        assert self.serves is not None
        other = None if self.lost is None else on_since(self.lost)
        found = snapshot(self.strict, self.serves.revision, on_since(self.serves), other)
        if self.strict and self.lease.out():
            return fence(found, allow=Exemptions()) or found
        return found

    @property
    def forwards(self) -> bool:
        """Whether it would forward a request now, or would if it woke now."""
        return self.alive and self.listens and not _rule_holds(self.snapshot)


def on_since(stored: StoredState) -> float | None:
    override = stored.overrides.get("site")
    return override.at if override else None


def _rule_holds(found: Snapshot) -> bool:
    rule = found.rule("site")
    assert rule is not None
    return rule.holds(None)


@dataclass(eq=False)
class World:
    """Everything, stepped by its methods; ``check`` is the promise."""

    strict: bool
    broken: str = ""
    now: float = 0.0
    members: list[Member] = field(default_factory=list)
    stored: StoredState = field(default_factory=lambda: StoredState(1, {}, epoch="first"))
    past: list[StoredState] = field(default_factory=list)
    records: dict[str, Record] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    intact: bool = True
    # The guard, as one process that never stops watching
    roll: Roll = field(default_factory=Roll)
    seen: StoredState | None = None
    asked: StoredState | None = None
    found: Verdict | None = None
    running: bool = False
    spared: set[int] = field(default_factory=set)

    # Time and failures

    def tick(self, seconds: float) -> None:
        self.now += seconds
        for member in self.members:
            if not member.paused:
                member.boot.run(seconds)
            if member.wall is not member.boot:
                member.wall.run(seconds)

    def freeze(self, member: Member, *, paused: bool) -> None:
        if member.acts:
            member.frozen, member.paused = True, paused

    def wake(self, member: Member) -> None:
        member.frozen = member.paused = False

    def crash(self, member: Member) -> None:
        # The kernel closes its connections: what it had in flight are orphans.
        member.alive = member.listens = False

    def bury(self, member: Member) -> None:
        """A sibling marks a dead member as crashed."""
        record = self.records.get(member.name)
        if not member.alive and record is not None and record.document["state"] == "live":
            document = {**record.document, "state": "crashed"}
            self.records[member.name] = Record(record.key, record.beat + 1, document)

    def lose_history(self, *, anew: bool) -> None:
        if self.past and self.intact:
            self.intact = False
            self.stored = self.past[len(self.past) // 2]
            if anew:
                self.stored = replace(self.stored, epoch="second")

    # A member's own steps

    def join(self, rate: float) -> Member:
        boot = Clock(rate)
        wall = boot if self.broken == "go by the boot clock alone" else Clock(rate)
        member = Member(f"m{len(self.members)}", self.strict, boot, wall)
        self.members.append(member)
        if self.broken == "load before registering":
            self.begin_read(member)
            self.answer_read(member)
        return member

    def begin_renewal(self, member: Member) -> None:
        if member.acts and member.renewing is None:
            member.renewing = (member.lease.begin(), False, False)

    def write_renewal(self, member: Member) -> None:
        if member.renewing is None or member.renewing[1]:
            return
        began, _, _ = member.renewing
        record = self.records.get(member.name)
        if record is not None and record.document["state"] == "crashed":
            return
        beat = record.beat + 1 if record else 1
        document = {"in_flight": len(member.exchanges), "state": "live", "since": member.name}
        self.records[member.name] = Record(member.name, beat, document)
        member.renewing = (began, True, False)

    def end_renewal(self, member: Member, *, answered: bool) -> None:
        """The answer to a renewal comes, or it never will: then it does not count."""
        if not member.acts or member.renewing is None:
            return
        began, written, _ = member.renewing
        member.renewing = None
        if not written or not answered:
            return
        member.beat = self.records[member.name].beat
        if self.broken == "count the lease from the end of the renewal":
            began = member.lease.begin()
        member.lease.renewed(began)  # type: ignore[arg-type]
        if self.broken in {"count a late renewal without a load", "load before registering"}:
            member.lease.loaded(member.lease.renewals)
            member.listens = member.serves is not None

    def begin_read(self, member: Member) -> None:
        # A new member registers first.
        early = self.broken == "load before registering"
        if member.acts and member.reading is None and (member.lease.renewals or early):
            member.reading = (member.lease.renewals, None)

    def answer_read(self, member: Member) -> None:
        if member.reading is not None and member.reading[1] is None:
            member.reading = (member.reading[0], self.stored)
            if self.broken == "acknowledge before the swap":
                self._report(member, self.stored)

    def end_read(self, member: Member) -> None:
        if not member.acts or member.reading is None or member.reading[1] is None:
            return
        renewals, stored = member.reading
        member.reading = None
        assert stored is not None
        if member.serves is not None and has_lost(member.serves, stored):
            member.lost = stored
            return
        member.serves, member.lost = stored, None
        member.lease.loaded(renewals)
        registered = member.lease.renewals or self.broken == "load before registering"
        member.listens = member.listens or bool(registered)

    def admit(self, member: Member) -> None:
        if member.acts and member.forwards:
            member.exchanges.append(Exchange(member.snapshot.revision, self._beat(member)))

    def finish(self, member: Member) -> None:
        if member.acts and member.exchanges:
            member.exchanges.clear()

    def report(self, member: Member) -> None:
        """The member answers the drain, if it may."""
        if member.acts and member.serves is not None and member.listens:
            self._report(member, member.serves if member.lost is None else None)

    def _report(self, member: Member, serves: StoredState | None) -> None:
        if self.asked is None or serves is None or serves.epoch != self.asked.epoch:
            return
        found = snapshot(self.strict, serves.revision, on_since(serves), None)
        if not may_report(self.asked.revision, serves.revision, found.rule("site"), None):
            return
        below = [each for each in member.exchanges if each.revision < serves.revision]
        if self.broken == "ignore what was admitted earlier":
            below = []
        self.reports[member.name] = Report(serves.revision, len(below))

    def _beat(self, member: Member) -> int:
        record = self.records.get(member.name)
        return record.beat if record else 0

    # The guard

    def flip(self) -> None:
        """Turn the flag on, and ask for a drain."""
        if self.asked is None and self._reads():
            self._write(self.now + 1.0)
            self.asked, self.reports = self.stored, {}

    def lift(self) -> None:
        """The command has ended, or the guard gives up: the flag goes off."""
        if self.asked is not None:
            self.running, self.asked, self.spared = False, None, set()
            if self._reads():
                self._write(None)

    def look(self, before: Takes = tuple, after: Takes = tuple) -> None:
        """Watch the members, by a read that takes its time on both ways, in seconds."""
        began = self.now
        for seconds in before():
            self.tick(seconds)
        records = list(self.records.values())
        for seconds in after():
            self.tick(seconds)
        self.watched = self.roll.look(records, began, self.now)

    def judge(self, before: Takes = tuple, after: Takes = tuple) -> None:
        """What ``Drains`` does at each wake: judge, and look at everything again."""
        if self.asked is None or self.running:
            return
        reports = dict(self.reports)
        if self.broken != "trust an old look at the members":
            self.look(before, after)
        if not isinstance(self._verdict(reports), Quiescent) or not self._reads():
            return
        asked, seen = (
            snapshot(self.strict, each.revision, on_since(each), None)
            for each in (self.asked, self.stored)
        )
        held = continuity(asked, seen, "site", None)
        if held is not Continuity.HELD:
            self.asked = self.stored if held is Continuity.MOVED else None
            return
        if self.broken != "trust an old look at the members":
            self.look(before, after)
        self.found = self._verdict(reports)
        if isinstance(self.found, Quiescent):
            self._run(set(self.found.tally.missing))

    def meddle(self, *, on: bool) -> None:
        """Somebody else flips the flag, although it is guarded, until the command runs."""
        if not self.running and self._reads():
            self._write(self.now + 1.0 if on else None)

    def _run(self, missing: set[str]) -> None:
        self.running = True
        # Where the promise ends: what a member let through after its last beat, and before it
        # was gone, is known to nobody.
        self.spared = {
            id(each)
            for member in self.members
            if member.name in missing
            for each in member.exchanges
            if each.beat >= self._own_beat(member)
        }

    def _verdict(self, reports: dict[str, Report]) -> Verdict:
        assert self.asked is not None
        question = Question(self.asked.revision, strict=self.strict, orphans=FOREVER)
        members = [each.seen(reports.get(each.name)) for each in self.watched]
        return verdict(question, members) if members else Waiting(None, (), "")  # type: ignore[arg-type]

    def _reads(self) -> bool:
        # The guard reads the store; one that has lost history is not believed.
        if self.seen is not None and has_lost(self.seen, self.stored):
            return False
        self.seen = self.stored
        return True

    def _write(self, at: float | None) -> None:
        self.past.append(self.stored)
        self.stored = replace(
            self.stored,
            revision=self.stored.revision + 1,
            overrides=_overrides(self.strict, at),
        )
        self.seen = self.stored

    def _own_beat(self, member: Member) -> int:
        record = self.records.get(member.name)
        return record.beat - (record.document["state"] == "crashed") if record else 0

    # The promise

    def check(self) -> None:
        """While the command runs nobody forwards, and nothing is in flight."""
        if not self.running:
            return
        for member in self.members:
            if not self.intact and member.serves is not None and member.lost is None:
                continue  # it may know only of the history that was left
            assert not member.forwards, f"{member.name} forwards while the command runs"
            left = [each for each in member.exchanges if id(each) not in self.spared]
            assert not left, f"{member.name} has {len(left)} in flight while the command runs"
