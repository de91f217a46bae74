"""What a flip makes of an override, and how it is undone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from gateway.core.flags import Flag, FlagState, Kind, Mode
from gateway.core.patches import Patch, PatchError, read_patch, read_users
from gateway.core.standing import (
    ENDED,
    FIELDS,
    Lift,
    Override,
    Standing,
    effective,
    lifted,
    patched,
    standing,
    state_digest,
)
from gateway.core.windows import Phase

__all__ = [
    "MOST_LIFTS",
    "Lift",
    "Override",
    "Patch",
    "PatchError",
    "Standing",
    "changes",
    "effective",
    "flipped",
    "lifted",
    "read_patch",
    "standing",
    "state_digest",
    "with_users",
]

MOST_LIFTS = 16  # flips made for a while that may overlap


def flipped(
    flag: Flag, current: Override | None, patch: Patch, *, now: float, by: str
) -> Override | None:
    """The override that ``patch`` makes of ``current``; None: the YAML's state alone.

    What comes back equals what holds at ``now`` where the patch changes nothing. Raises
    ``PatchError`` for a key that this kind of flag does not have.

    A patch that lasts (``for``) is undone when its time is up: each key goes back to what
    would have held then without it. Three rules make that exact:

    - ``enabled: true`` always becomes false for a flag that is not per-user, whatever held
      before: "on for half an hour" never means "on for good". (For a per-user flag
      ``enabled`` only arms, so it goes back like any other key.)
    - Users that the patch added are taken out; users that others add in the meantime stay.
    - A later flip without ``for`` is for good: the keys it sets are no longer undone by an
      earlier flip's lift; the other keys still are.

    ``enabled: false`` ends the window's occurrence that holds the flag, and no later one.

    Flips with different ends may overlap, so many as ``MOST_LIFTS``; each is undone at its own.
    """
    _check_fits(flag, patch)
    found = standing(flag.state, current, now)
    live, patch = found.override, _ending(patch, found.phase, now)
    before = _timeline(live)
    after = [
        (at, _merged(values, patch.values)) if _within(patch, at, now) else (at, values)
        for at, values in before
    ]
    if patch.lasts is not None and patch.values:
        end = now + patch.lasts
        after.append((end, _undone(flag, patch, _values_at(before, end))))
        after.sort(key=lambda step: step[0])
    return _successor(flag, live, after, Override("", {}, now, by, patch.reason))


def with_users(  # noqa: PLR0913 each is a word of the caller
    flag: Flag,
    current: Override | None,
    *,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    now: float,
    by: str,
    reason: str = "",
    lasts: float | None = None,
) -> Override | None:
    """The override with users added and removed, for good; the same where nothing changes.

    A user in both lists is removed. With ``lasts`` the added ones are taken out again after so
    many seconds, those too who were held already: the last word on them counts. Raises
    ``PatchError`` for a flag that is not per-user, for what is no user, and for a list that
    grows too long.
    """
    adding, leaving = read_users(add, "add"), frozenset(read_users(remove, "remove"))
    _check_fits(flag, Patch({"users": adding}))
    live = effective(flag.state, current, now)[1]
    end = math.inf if lasts is None else now + lasts
    before, after = _timeline(live), []
    if lasts is not None:
        before = sorted([*before, (end, _values_at(before, end))], key=lambda step: step[0])
    for at, values in before:
        held = patched(flag.state, values).users
        listed = (*held, *adding) if at < end else [user for user in held if user not in adding]
        users = [user for user in dict.fromkeys(listed) if user not in leaving]
        changed = set(users) != set(held)
        after.append((at, {**values, "users": list(read_users(users))} if changed else values))
    return _successor(flag, live, after, Override("", {}, now, by, reason))


def changes(
    state: FlagState, before: Override | None, after: Override | None, now: float
) -> dict[str, object]:
    """What a flip came to, for the audit: the new value of each key that moved.

    ``users`` is ``{"add": [...], "remove": [...]}``, as the whole list may be long. ``until``
    is the time of the next lift, in seconds since the epoch, or None if there is none now.
    """
    (old, old_override), (new, new_override) = (
        effective(state, override, now) for override in (before, after)
    )
    moved: dict[str, object] = {
        key: getattr(new, name)
        for key, name in FIELDS.items()
        if getattr(old, name) != getattr(new, name)
    }
    if "window" in moved:
        moved["window"] = None if new.window is None else new.window.document()
    if "users" in moved:
        moved["users"] = moved_users(old.users, new.users)
    ends = [each.lift.at if each and each.lift else None for each in (old_override, new_override)]
    return moved if ends[0] == ends[1] else {**moved, "until": ends[1]}


def moved_users(before: Sequence[str], after: Sequence[str]) -> dict[str, object]:
    """What a change of the list comes to in the audit: ``{"add": [...], "remove": [...]}``."""
    return {"add": _without(after, before), "remove": _without(before, after)}


# An override over time: from when (seconds since the epoch) which values hold, in order.
# The first step holds already.
_Timeline = list[tuple[float, Mapping[str, object]]]


def _timeline(override: Override | None) -> _Timeline:
    if override is None:
        return [(0.0, {})]
    return [(0.0, override.values), *((lift.at, lift.values) for lift in override.lifts)]


def _values_at(timeline: _Timeline, at: float) -> Mapping[str, object]:
    return [values for start, values in timeline if start <= at][-1]


def _within(patch: Patch, at: float, now: float) -> bool:
    return patch.lasts is None or at < now + patch.lasts


def _merged(values: Mapping[str, object], patch: Mapping[str, object]) -> dict[str, object]:
    merged = {**values, **patch}
    return {key: value for key, value in merged.items() if value is not None}


def _ending(patch: Patch, phase: Phase | None, now: float) -> Patch:
    # With a new window, what was ended of the old one means nothing.
    off = patch.values.get("enabled") is False
    if "window" in patch.values:
        ended = now if off else None
    elif off and phase is not None and phase.current is not None:
        ended = phase.current.start
    else:
        return patch
    return replace(patch, values={**patch.values, ENDED: ended})


def _undone(flag: Flag, patch: Patch, values: Mapping[str, object]) -> Mapping[str, object]:
    switched_on = patch.values.get("enabled") is True and flag.kind is not Kind.USER
    if switched_on and patched(flag.state, values).enabled:
        return {**values, "enabled": False}
    return values


def _successor(
    flag: Flag, live: Override | None, timeline: _Timeline, draft: Override
) -> Override | None:
    # Steps that change nothing are left away, so that equal states are equal overrides.
    values = timeline[0][1]
    lifts = tuple(
        Lift(at, later) for (_, before), (at, later) in pairwise(timeline) if later != before
    )
    _check_overlap(len(lifts), len(live.lifts) if live is not None else 0)
    if not values and not lifts:
        return None
    if live is not None and (live.values, live.lifts) == (values, lifts):
        if draft.reason in ("", live.reason):
            return live
        return replace(live, by=draft.by, reason=draft.reason)
    return replace(draft, digest=state_digest(flag.state), values=values, lifts=lifts)


def _check_overlap(lifts: int, before: int) -> None:
    # Each lift keeps all values, so that what a flag may pile up has to end somewhere.
    if lifts > max(MOST_LIFTS, before):
        message = (
            f"{before} flips of this flag are to be undone already, and {MOST_LIFTS} may be: "
            "wait for one of them, flip without it, or reset the flag first"
        )
        raise PatchError([("for", message)])


def _check_fits(flag: Flag, patch: Patch) -> None:
    errors = [
        (key, "this flag has no user: it holds everybody in its scope")
        for key in ("users", "rollout")
        if flag.kind is not Kind.USER and patch.values.get(key) is not None
    ]
    if flag.trigger is not None:
        said = f"this flag is on while {flag.trigger.file} is there: make it, or take it away"
        errors += [
            (key, said) for key in ("enabled", "window") if patch.values.get(key) is not None
        ]
    if patch.values.get("mode") == Mode.ANONYMOUS and not flag.strip:
        errors.append(("mode", "anonymous needs the flag to have strip in the YAML"))
    if errors:
        raise PatchError(errors)


def _without(users: Sequence[str], others: Sequence[str]) -> list[str]:
    known = frozenset(others)
    return [user for user in users if user not in known]
