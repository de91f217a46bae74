"""What is asked of the store, as edits: pure functions of the state as it stands there.

Each is built for one call and refuses a store whose history is not a continuation of
``known``, the last state that this process has seen: what it would build on has lost flips.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from gateway.core.edited import edited
from gateway.core.flags import Flag, Trigger
from gateway.core.overrides import (
    Override,
    changes,
    effective,
    lifted,
    standing,
    state_digest,
)
from gateway.core.passes import is_revocation, revocation_key, revoked
from gateway.core.patches import PatchError
from gateway.core.windows import followed
from gateway.state.history import has_lost, lost
from gateway.stores.base import AuditEntry, Change, Edit, StoredState

# A flag and its override as it stands, to the override that shall be; None: the YAML alone.
Step = Callable[[Flag, Override | None], Override | None]


class RevisionMoved(Exception):  # noqa: N818 an answer to If-Match, not a failure
    """The store is at ``current``, not at the revision that the caller has seen."""

    def __init__(self, current: int) -> None:
        self.current = current
        super().__init__(f"the revision is {current}")


@dataclass(frozen=True, slots=True)
class Act:
    """Who does what, when (seconds since the epoch) and why, and on which revision.

    ``guard`` is the id of the guard that does it for its command.
    """

    by: str
    action: str
    at: float
    reason: str = ""
    if_match: int | None = None
    guard: str | None = None


def change_override(flag: Flag, step: Step, act: Act, known: StoredState) -> Edit:
    """One flag's override, changed by ``step``; nothing if it comes to the same."""

    def edit(stored: StoredState) -> Change | None:
        _check(stored, known)
        if act.if_match not in (None, stored.revision):
            raise RevisionMoved(stored.revision)
        current = stored.overrides.get(flag.name)
        after = step(flag, current)
        if after == effective(flag.state, current, act.at)[1]:
            return None
        after = on_course(flag, after, current, act.at)
        moved = changes(flag.state, current, after, act.at)
        if act.guard is not None:
            moved["guard"] = act.guard
        entry = AuditEntry(act.at, act.by, act.action, flag.name, act.reason, moved)
        return Change({flag.name: after}, (entry,))

    return edit


def revoke(flag: str, one: str | None, act: Act, known: StoredState) -> Edit:
    """One pass of a flag, by its id, or (None) all that were made up to now, are worth nothing."""
    key = revocation_key(flag)

    def edit(stored: StoredState) -> Change:
        _check(stored, known)
        if act.if_match not in (None, stored.revision):
            raise RevisionMoved(stored.revision)
        try:
            after = revoked(stored.overrides.get(key), one, now=act.at, by=act.by)
        except ValueError as error:
            raise PatchError([("id", str(error))]) from error
        entry = AuditEntry(act.at, act.by, act.action, flag, act.reason, {"id": one})
        return Change({key: after}, (entry,))

    return edit


def keep_time(flags: Mapping[str, Flag], digest: str, now: float, known: StoredState) -> Edit:
    """Every lift that is due at ``now`` and how far each window has come, written down.

    Nothing if another member did it. Windows are left to members of the YAML that the store has
    taken in (``digest``): by another one they may be others.
    """

    def edit(stored: StoredState) -> Change | None:
        _check(stored, known)
        due = {name: each for name, each in stored.overrides.items() if _is_due(each, now)}
        after = {
            name: on_course(flags.get(name), lifted(override, now), override, now)
            for name, override in due.items()
        }
        entries = [
            AuditEntry(
                at=now,
                by=override.by,
                action="lift",
                flag=name,
                reason=override.reason,
                changes=_lift_changes(flags.get(name), override, after[name], now),
            )
            for name, override in due.items()
        ]
        windowed = flags.values() if stored.config_digest == digest else ()
        for flag in windowed:
            current = after.get(flag.name, stored.overrides.get(flag.name))
            moved = on_course(flag, current, current, now)
            if moved != current:
                after[flag.name] = moved
                entries += _window_entries(flag, current, moved, now)
        return Change(after, entries) if after else None

    return edit


def take_in(
    flags: Mapping[str, Flag],
    digest: str,
    now: float,
    known: StoredState,
    before: Mapping[str, Flag],
) -> Edit:
    """The YAML's flags, as they are now: overrides that lapsed with the edit are dropped.

    Dropped for good, so that an edit and its undoing do not bring an old flip back. So are
    those of flags that are no more. Nothing if the store already has this ``digest``.
    ``before`` are the flags as they were: what the edit came to for each of them is noted, and
    a trigger file that has come, or gone, by whoever sees it first.
    """

    def edit(stored: StoredState) -> Change | None:
        _check(stored, known)
        if stored.config_digest == digest:
            return None
        dropped = [
            name
            for name, override in stored.overrides.items()
            if not is_revocation(name)
            and (name not in flags or override.digest != state_digest(flags[name].state))
        ]
        after = {
            name: on_course(flags.get(name), None, stored.overrides[name], now) for name in dropped
        }
        entries = [AuditEntry(now, "yaml", "config", "", "the YAML was read", None)]
        entries += _edit_entries(flags, before, stored, frozenset(dropped), now)
        entries += [
            AuditEntry(now, "file", "source", name, *_said(flag.trigger))
            for name, flag in flags.items()
            if flag.trigger is not None and _is_news(flag.trigger, before.get(name))
        ]
        return Change(after, entries, digest)

    return edit


def on_course(
    flag: Flag | None, override: Override | None, before: Override | None, now: float
) -> Override | None:
    """The override, with how far the flag's window has come by ``now``.

    What ``before`` knew of the same window is not lost, whatever becomes of the flips in it.
    """
    window = None if flag is None else effective(flag.state, override, now)[0].window
    known = None if before is None else before.course
    course = None if window is None else followed(window, known, now)
    if override is not None and override.says_something:
        return override if override.course == course else replace(override, course=course)
    if flag is None or course is None:
        return None
    if override is not None and override.course == course:
        return override
    return Override(state_digest(flag.state), {}, now, _CLOCK, course=course)


def _edit_entries(
    flags: Mapping[str, Flag],
    before: Mapping[str, Flag],
    stored: StoredState,
    dropped: frozenset[str],
    now: float,
) -> list[AuditEntry]:
    # Nothing is known of before where the flags are the same: at the first start of all.
    entries = []
    for name in dict.fromkeys((*flags, *before, *dropped)):
        override = stored.overrides.get(name)
        kept = None if name in dropped else override
        was, flag = before.get(name), flags.get(name)
        moved = {}
        if before is not flags and (flag is None or flag.trigger is None):
            states = [None if each is None else each.state for each in (was, flag)]
            moved = edited(states[0], override, states[1], kept)
        lapsed = name in dropped and override is not None and override.says_something
        if moved or lapsed:
            why = "the YAML was edited" + (": its override lapsed" if lapsed else "")
            entries.append(AuditEntry(now, "yaml", "config", name, why, moved or None))
    return entries


def _check(stored: StoredState, known: StoredState) -> None:
    if has_lost(known, stored):
        raise lost(known, stored)


def _is_news(trigger: Trigger, before: Flag | None) -> bool:
    return before is not None and before.trigger is not None and before.trigger != trigger


def _said(trigger: Trigger) -> tuple[str, Mapping[str, object]]:
    there = "is there" if trigger.on else "is gone"
    return f"{trigger.file} {there}", {"enabled": trigger.on}


def _is_due(override: Override, now: float) -> bool:
    return override.lift is not None and override.lift.at <= now


def _lift_changes(
    flag: Flag | None, before: Override, after: Override | None, now: float
) -> Mapping[str, object] | None:
    if flag is None:
        return None
    # Without its lift, the override is what held until now.
    return changes(flag.state, replace(before, lifts=()), after, now)


def _window_entries(
    flag: Flag, before: Override | None, after: Override | None, now: float
) -> list[AuditEntry]:
    course = None if after is None else after.course
    if course is None:  # the flag has another window, which has not come yet
        return []
    found = standing(flag.state, before if course.over else after, course.start)
    holds = found.phase is not None and found.phase.current is not None and not found.explicit
    moved: dict[str, object] = {"enabled": not course.over} if holds else {}
    if not course.over:
        moved["until"] = course.end
    said = "the window has ended" if course.over else "the window has begun"
    return [AuditEntry(now, _CLOCK, "window", flag.name, said, moved)]


_CLOCK = "clock"  # who it is that does what is due
