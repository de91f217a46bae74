"""What a flip changed: a patch over the YAML's state of one flag, and when it lapses.

Law: the last action wins. An override carries a digest of the overridable keys as the
YAML had them when it was made. Once a person edits one of those keys the digest no longer
matches, and the override is no more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.core.flags import FlagState, Mode


@dataclass(frozen=True, slots=True)
class Lift:
    """When a flip made ``for`` a while undoes itself, and the values it then leaves.

    ``at`` is seconds since the epoch. ``values`` replaces the override's values whole;
    ``then`` is the lift after that one, where several flips were made for a while.
    """

    at: float
    values: Mapping[str, object]
    then: Lift | None = None


@dataclass(frozen=True, slots=True)
class Override:
    """One flag's override. ``values`` holds only the keys that were flipped.

    Keys and JSON types: ``enabled`` bool, ``users`` list of str, ``rollout`` number 0-100,
    ``ttl`` seconds, ``mode`` str, ``page.message`` str, ``page.retry_after`` seconds.
    ``at`` is seconds since the epoch.
    """

    digest: str
    values: Mapping[str, object]
    at: float
    by: str
    reason: str = ""
    lift: Lift | None = None
    extra: Mapping[str, object] = field(default_factory=dict)


def state_digest(state: FlagState) -> str:
    """The overridable keys as the YAML has them, as 32 hexadecimal digits.

    The order of ``users`` and a repeated user say nothing, so they change nothing. A TTL
    that is the whole file's is not one of this flag's keys: an edit of it must not make
    the overrides of all flags lapse.
    """
    keys = [
        state.enabled,
        sorted(set(state.users)),
        float(state.rollout),
        None if state.ttl_inherited else float(state.ttl),
        state.mode.value,
        state.message,
        state.retry_after,
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
    lift = override.lift
    if lift is None or lift.at > now:
        return override
    reason = override.reason or "lifted by itself"
    rest = replace(override, values=lift.values, at=lift.at, reason=reason, lift=lift.then)
    if rest.values or rest.lift is not None:
        return lifted(rest, now)
    return None


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
