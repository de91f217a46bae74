"""What is asked of the store, as edits: pure functions of the state as it stands there.

Each is built for one call and refuses a store whose history is not a continuation of
``known``, the last state that this process has seen: what it would build on has lost flips.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from gateway.core.flags import Flag, Trigger
from gateway.core.overrides import Override, changes, effective, lifted, state_digest
from gateway.stores.base import AuditEntry, Change, Edit, StoredState, StoreError
from gateway.stores.documents import dump_override

# A flag and its override as it stands, to the override that shall be; None: the YAML alone.
Step = Callable[[Flag, Override | None], Override | None]


class RevisionMoved(Exception):  # noqa: N818 an answer to If-Match, not a failure
    """The store is at ``current``, not at the revision that the caller has seen."""

    def __init__(self, current: int) -> None:
        self.current = current
        super().__init__(f"the revision is {current}")


@dataclass(frozen=True, slots=True)
class Act:
    """Who does what, when (seconds since the epoch) and why, and on which revision."""

    by: str
    action: str
    at: float
    reason: str = ""
    if_match: int | None = None


def has_lost(known: StoredState, stored: StoredState) -> bool:
    """Whether ``stored`` shows that the store has lost history that was ``known``.

    It has another epoch, or a lower revision, or the same revision with another content.
    """
    if not known.epoch and not known.revision:  # nothing was known yet
        return False
    if stored.epoch != known.epoch or stored.revision < known.revision:
        return True
    if stored is known or stored.revision > known.revision:
        return False
    return stored != known and _content(stored) != _content(known)


def lost(known: StoredState, stored: StoredState) -> StoreError:
    """The error of a store that ``has_lost``."""
    if stored.epoch != known.epoch:
        what = f"is another than that of revision {known.revision}: it was created anew"
        until = "all members are restarted"
    else:
        what = f"went back from revision {known.revision} to {stored.revision}"
        until = "the store is past it or the gateway is restarted"
    return StoreError(
        f"the store {what}, so that flips may be lost. What either of the two holds is held, "
        f"and flips and drains are refused, until {until}"
    )


def _content(state: StoredState) -> tuple[object, ...]:
    overrides = {name: dump_override(each) for name, each in state.overrides.items()}
    return overrides, state.config_digest


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
        moved = changes(flag.state, current, after, act.at)
        entry = AuditEntry(act.at, act.by, act.action, flag.name, act.reason, moved)
        return Change({flag.name: after}, (entry,))

    return edit


def lift_due(flags: Mapping[str, Flag], now: float, known: StoredState) -> Edit:
    """Every lift that is due at ``now``, written down; nothing if another member did it."""

    def edit(stored: StoredState) -> Change | None:
        _check(stored, known)
        due = {name: each for name, each in stored.overrides.items() if _is_due(each, now)}
        after = {name: lifted(override, now) for name, override in due.items()}
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
        return Change(after, entries) if due else None

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
    ``before`` are the flags as they were: a trigger file that has come, or gone, is noted by
    whoever sees it first.
    """

    def edit(stored: StoredState) -> Change | None:
        _check(stored, known)
        if stored.config_digest == digest:
            return None
        dropped = [
            name
            for name, override in stored.overrides.items()
            if name not in flags or override.digest != state_digest(flags[name].state)
        ]
        entries = [AuditEntry(now, "yaml", "config", "", "the YAML was read", None)]
        entries += [
            AuditEntry(now, "yaml", "config", name, "the YAML was edited: its override lapsed")
            for name in dropped
        ]
        entries += [
            AuditEntry(now, "file", "source", name, *_said(flag.trigger))
            for name, flag in flags.items()
            if flag.trigger is not None and _is_news(flag.trigger, before.get(name))
        ]
        return Change(dict.fromkeys(dropped), entries, digest)

    return edit


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
