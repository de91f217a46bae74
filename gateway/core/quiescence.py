"""Whether a drain is over: a pure function of the members, as observed, and their reports.

A drain of a flag, and perhaps a user, at revision N asks: is anything that the flag would now
hold still under way, on any member, or could any member still let such a request through?
The laws, for one member (``_told``):

1. A member reports at revision N or later only once it serves it. From then on it lets nothing
   through that the flag holds, so what it reports can only become less. A report of none in
   flight settles the member, whatever becomes of it.
2. A member that lives and has not reported at N, or has something in flight, is waited for. One
   that is leaving still lives.
3. A crashed member forwards nothing more. What it had in flight are orphans.
4. A silent member of a strict flag forwards nothing more in its scope: its lease ran out before
   it was silent (``gateway.core.leases``). Of any other flag it may, and is waited for, unless
   the operator says that it is gone. What it had in flight are orphans.
5. Orphans and abandoned exchanges are such whose end the gateway cannot see. They are counted
   for ``orphans`` seconds, then taken for ended (a living member forgets its own). Where a member
   has not reported at N, all that it had in flight by its last beat counts, whatever its scope.
   What a silent member had in flight counts for as long as it is silent: its connections to the
   app may still be open, and a tunnel over one has no end. A dead one's were closed for it.

And for all: no member at all is a store that lost them. Only where nobody is waited for do
orphans decide: with any, the answer is no, at once, unless they were accepted.

Then ``continuity`` compares the state as the reports knew it with the state as it is read after
them: a flag that moved on meanwhile may have let something through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from gateway.core.flags import Kind
from gateway.core.rules import Rule
from gateway.core.snapshot import FlagView, Snapshot


class Standing(StrEnum):
    """A member as others see it."""

    LIVE = "live"
    LEAVING = "leaving"
    SILENT = "silent"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True)
class Report:
    """What a member says of one drain, of the exchanges that the drain is about.

    ``revision`` is the one it served then; they were admitted below it.
    """

    revision: int
    in_flight: int
    finished: int = 0
    cut: int = 0
    abandoned: int = 0


@dataclass(frozen=True, slots=True)
class MemberSeen:
    """A member as observed. ``in_flight`` and ``abandoned`` are all it had by its last beat.

    ``gone_for`` is for how many seconds, at least, it has been silent or crashed.
    """

    name: str
    standing: Standing
    in_flight: int = 0
    abandoned: int = 0
    gone_for: float = 0.0
    report: Report | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a drain, and what its caller takes upon itself.

    ``assume_gone`` names silent members that forward nothing more; ``orphans`` is for how many
    seconds exchanges count whose end cannot be seen. ``unseen``: requests in the flag's scope
    go on over another proxy.
    """

    revision: int
    strict: bool = False
    assume_gone: frozenset[str] = frozenset()
    accept_orphans: bool = False
    unseen: bool = False
    accept_unseen: bool = False
    orphans: float = 300.0


@dataclass(frozen=True, slots=True)
class Tally:
    """What has happened, over all members; ``missing`` did not report and are gone."""

    members: tuple[str, ...] = ()
    in_flight: int = 0
    finished: int = 0
    cut: int = 0
    abandoned: int = 0
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quiescent:
    """Nothing is under way, and nothing gets through."""

    tally: Tally


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not yet: on whom, and why."""

    tally: Tally
    on: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Impossible:
    """Waiting on would not help."""

    tally: Tally
    why: str


Verdict = Quiescent | Waiting | Impossible

_UNSEEN = (
    "requests in its scope go on over another proxy (forward-auth), and nobody here sees them "
    "end; once that proxy has none of them left, say so with accept_unseen"
)


def may_report(asked: int, acknowledged: int | None, rule: Rule | None, user: str | None) -> bool:
    """Whether a member may answer a drain at revision ``asked`` (law 1).

    ``acknowledged`` is the revision it serves, swapped in, of the drain's own history; None if
    it serves none that others may rely on. ``rule`` is the flag's in that snapshot.
    """
    if acknowledged is None or acknowledged < asked:
        return False
    return rule is not None and rule.holds(user)


def verdict(question: Question, members: Sequence[MemberSeen]) -> Verdict:
    """How the drain stands; ``members`` are all that are registered now."""
    told = [_told(question, member) for member in members]
    tally = _tally(members, told)
    if not members:
        return Impossible(tally, "no member is registered: the store has lost them")
    if question.unseen and not question.accept_unseen:
        return Impossible(tally, _UNSEEN)
    waits = {each.member: each.waits for each in told if each.waits}
    if waits:
        why = "; ".join(f"{name} {reason}" for name, reason in waits.items())
        return Waiting(tally, tuple(waits), why)
    if tally.abandoned and not question.accept_orphans:
        return Impossible(tally, _orphans(question, told, tally.abandoned))
    return Quiescent(tally)


@dataclass(frozen=True, slots=True)
class _Told:
    """What one member comes to. ``waits``: why it is waited for; "": it is not."""

    member: str
    waits: str = ""
    in_flight: int = 0
    orphans: int = 0
    missing: bool = False
    report: Report = field(default_factory=lambda: Report(0, 0))


def _told(question: Question, member: MemberSeen) -> _Told:
    report = member.report
    if report is not None and report.revision < question.revision:
        report = None
    if report is not None and not report.in_flight:
        aged = member.gone_for >= question.orphans
        return _Told(member.name, orphans=0 if aged else report.abandoned, report=report)
    match member.standing:
        case Standing.LIVE | Standing.LEAVING:
            return _of_living(member, report)
        case Standing.SILENT if not _is_gone(question, member):
            why = "is silent, and may still forward: the flag is not strict"
            return replace(_of_living(member, report), waits=why)
        case Standing.SILENT | Standing.CRASHED:
            return _of_gone(question, member, report)


def _is_gone(question: Question, member: MemberSeen) -> bool:
    return question.strict or member.name in question.assume_gone


def _of_living(member: MemberSeen, report: Report | None) -> _Told:
    if report is None:
        return _Told(member.name, "has not reported yet")
    why = f"has {report.in_flight} in flight"
    return _Told(member.name, why, report.in_flight, report.abandoned, report=report)


def _of_gone(question: Question, member: MemberSeen, report: Report | None) -> _Told:
    if report is None:
        in_flight, abandoned = member.in_flight, member.abandoned
        report = Report(0, 0)
    else:
        in_flight, abandoned = report.in_flight, report.abandoned
    aged = member.gone_for >= question.orphans
    dead = member.standing is Standing.CRASHED or member.name in question.assume_gone
    orphans = (0 if aged and dead else in_flight) + (0 if aged else abandoned)
    return _Told(member.name, orphans=orphans, missing=True, report=report)


def _tally(members: Sequence[MemberSeen], told: Sequence[_Told]) -> Tally:
    return Tally(
        members=tuple(member.name for member in members),
        in_flight=sum(each.in_flight for each in told),
        finished=sum(each.report.finished for each in told),
        cut=sum(each.report.cut for each in told),
        abandoned=sum(each.orphans for each in told),
        missing=tuple(each.member for each in told if each.missing),
    )


def _orphans(question: Question, told: Sequence[_Told], count: int) -> str:
    whose = ", ".join(each.member for each in told if each.orphans)
    return (
        f"{count} exchanges were given up before their end ({whose}), and the app may still be "
        f"at work on them; they count for {question.orphans:g} s unless orphans are accepted"
    )


class Continuity(StrEnum):
    """How a flag was held between two snapshots, as far as they tell."""

    HELD = "held"
    MOVED = "moved"  # it may have been off in between: ask the members again
    LIFTED = "lifted"


def continuity(before: Snapshot, after: Snapshot, flag: str, user: str | None) -> Continuity:
    """Whether a flag has held, for the user if one is named, from ``before`` to ``after``.

    An override carries the time of its last change, so an equal one was not off in between;
    the YAML alone carries none. A user's own hold is not told from those of other users, who
    come and go: for it, only the list may have changed.
    """
    view, rule = after.view(flag), after.rule(flag)
    known, known_rule = before.view(flag), before.rule(flag)
    if view is None or rule is None or not rule.holds(user):
        return Continuity.LIFTED
    if before.revision == after.revision:
        return Continuity.HELD
    if known is None or known_rule is None or not known_rule.holds(user):
        return Continuity.MOVED
    same = known.flag == view.flag and _exemptions(known_rule) == _exemptions(rule)
    if same and (_unchanged(known, view) or _only_users_changed(known, view, user)):
        return Continuity.HELD
    return Continuity.MOVED


def _exemptions(rule: Rule) -> tuple[object, ...]:
    return rule.exempt_paths, rule.exempt_networks, rule.who and rule.who.exempt


def _unchanged(before: FlagView, after: FlagView) -> bool:
    return before.override is not None and before.override == after.override


def _only_users_changed(before: FlagView, after: FlagView, user: str | None) -> bool:
    if user is None or after.flag.kind is not Kind.USER:
        return False
    if before.override is None or after.override is None:
        return False
    if before.override.course != after.override.course:  # its window may have ended in between
        return False
    listed = user in before.state.users and user in after.state.users
    return listed and replace(before.state, users=after.state.users) == after.state
