"""What a flip changed: a patch over the YAML's state of one flag, and when it lapses.

Law: the last action wins. An override carries a digest of the overridable keys as the
YAML had them when it was made. Once a person edits one of those keys the digest no longer
matches, and the override is no more.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import dropwhile, pairwise
from typing import Any

from gateway.core.flags import Flag, FlagState, Kind, Mode
from gateway.core.patches import Patch, PatchError, read_patch, read_users

__all__ = [
    "MOST_LIFTS",
    "Lift",
    "Override",
    "Patch",
    "PatchError",
    "changes",
    "effective",
    "flipped",
    "lifted",
    "read_patch",
    "state_digest",
    "with_users",
]

MOST_LIFTS = 16  # flips made for a while that may overlap


@dataclass(frozen=True, slots=True)
class Lift:
    """When a flip made ``for`` a while undoes itself, and the values it then leaves.

    ``at`` is seconds since the epoch. ``values`` replaces the override's values whole.
    """

    at: float
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Override:
    """One flag's override. ``values`` holds only the keys that were flipped.

    Keys and JSON types: ``enabled`` bool, ``users`` list of str, ``rollout`` number 0-100,
    ``ttl`` seconds, ``mode`` str, ``page.message`` str, ``page.retry_after`` seconds.
    ``at`` is seconds since the epoch. ``lifts`` are in order: several where several flips were
    made for a while, and each holds until the next.
    """

    digest: str
    values: Mapping[str, object]
    at: float
    by: str
    reason: str = ""
    lifts: tuple[Lift, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def lift(self) -> Lift | None:
        """The next one."""
        return self.lifts[0] if self.lifts else None


def state_digest(state: FlagState) -> str:
    """The overridable keys as the YAML has them, as 32 hexadecimal digits.

    The order of ``users`` and a repeated user say nothing, so they change nothing. A TTL
    that is the whole file's is not one of this flag's keys: an edit of it must not make
    the overrides of all flags lapse. Which keys are written at all counts, since a person
    who writes ``enabled: false`` where it was false by default wants the flag off.
    """
    keys = [
        state.enabled,
        sorted(set(state.users)),
        float(state.rollout),
        None if state.ttl_inherited else float(state.ttl),
        state.mode.value,
        state.message,
        state.retry_after,
        sorted(state.written),
    ]
    return hashlib.sha256(json.dumps(keys).encode()).hexdigest()[:32]


def effective(
    state: FlagState, override: Override | None, now: float
) -> tuple[FlagState, Override | None]:
    """What holds at ``now`` (seconds since the epoch), and the override that makes it so.

    None where the YAML's ``state`` holds alone: no override was made, it lapsed with an
    edit of the YAML, or it has lifted itself and left nothing.
    """
    if override is None or override.digest != state_digest(state):
        return state, None
    override = lifted(override, now)
    if override is None:
        return state, None
    return _patched(state, override.values), override


def lifted(override: Override, now: float) -> Override | None:
    """The override with every lift applied that is due at ``now``; None: nothing is left."""
    left = tuple(dropwhile(lambda lift: lift.at <= now, override.lifts))
    if len(left) == len(override.lifts):
        return override
    last = override.lifts[-len(left) - 1]
    if not last.values and not left:
        return None
    reason = override.reason or "lifted by itself"
    return replace(override, values=last.values, at=last.at, reason=reason, lifts=left)


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

    Flips with different ends may overlap, so many as ``MOST_LIFTS``; each is undone at its own.
    """
    _check_fits(flag, patch)
    live = effective(flag.state, current, now)[1]
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
        held = _patched(flag.state, values).users
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
        for key, name in _FIELDS.items()
        if getattr(old, name) != getattr(new, name)
    }
    if "users" in moved:
        moved["users"] = {
            "add": _without(new.users, old.users),
            "remove": _without(old.users, new.users),
        }
    ends = [each.lift.at if each and each.lift else None for each in (old_override, new_override)]
    return moved if ends[0] == ends[1] else {**moved, "until": ends[1]}


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


def _undone(flag: Flag, patch: Patch, values: Mapping[str, object]) -> Mapping[str, object]:
    switched_on = patch.values.get("enabled") is True and flag.kind is not Kind.USER
    if switched_on and _patched(flag.state, values).enabled:
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
    if flag.trigger is not None and patch.values.get("enabled") is not None:
        file = flag.trigger.file
        errors.append(
            ("enabled", f"this flag is on while {file} is there: make it, or take it away")
        )
    if patch.values.get("mode") == Mode.ANONYMOUS and not flag.strip:
        errors.append(("mode", "anonymous needs the flag to have strip in the YAML"))
    if errors:
        raise PatchError(errors)


def _patched(state: FlagState, values: Mapping[str, object]) -> FlagState:
    # What is stored was validated before it was written (read_patch), so it is only converted.
    changes: dict[str, Any] = {
        _FIELDS[key]: value for key, value in values.items() if key in _FIELDS
    }
    if "users" in changes:
        changes["users"] = tuple(changes["users"])
    if "mode" in changes:
        changes["mode"] = _mode(changes["mode"])
    if "ttl" in changes:
        changes["ttl_inherited"] = False
    return replace(state, **changes)


def _without(users: Sequence[str], others: Sequence[str]) -> list[str]:
    known = frozenset(others)
    return [user for user in users if user not in known]


def _mode(text: str) -> Mode:
    # A mode that this version does not know was written by a later one: refuse the most.
    try:
        return Mode(text)
    except ValueError:
        return Mode.UNAVAILABLE


_FIELDS = {
    "enabled": "enabled",
    "users": "users",
    "rollout": "rollout",
    "ttl": "ttl",
    "mode": "mode",
    "page.message": "message",
    "page.retry_after": "retry_after",
}
