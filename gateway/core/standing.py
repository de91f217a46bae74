"""What holds of one flag at a moment: the YAML's state, what was flipped, and the time.

Law: the last action wins. An override carries a digest of the overridable keys as the
YAML had them when it was made. Once a person edits one of those keys the digest no longer
matches, and the override is no more.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import dropwhile
from typing import Any

from gateway.core.flags import FlagState, Mode
from gateway.core.window_reading import WindowError, read_window
from gateway.core.windows import Course, Occurrence, Phase, Window, phase

ENDED = "window.ended"  # of an override's values: what began by then was turned off (epoch seconds)


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
    ``ttl`` seconds, ``mode`` str, ``page.message`` str, ``page.retry_after`` seconds, ``window``
    an object or false; beside them ``ENDED``. ``at`` is seconds since the epoch. ``lifts`` are in
    order: several where several flips were made for a while, and each holds until the next.

    ``course`` is no flip, and no digest touches it: it tells how far the flag's window has come.
    An override may have nothing else.
    """

    digest: str
    values: Mapping[str, object]
    at: float
    by: str
    reason: str = ""
    lifts: tuple[Lift, ...] = ()
    extra: Mapping[str, object] = field(default_factory=dict)
    course: Course | None = None

    @property
    def lift(self) -> Lift | None:
        """The next one."""
        return self.lifts[0] if self.lifts else None

    @property
    def says_something(self) -> bool:
        """Whether there is a flip in it, or one that is to come back."""
        return bool(self.values or self.lifts)


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds of one flag at a moment, and why.

    ``override`` is None where the YAML's state holds alone: no override was made, it lapsed with
    an edit of the YAML, or it has lifted itself and left nothing. ``phase`` is that of the flag's
    window, None without one. ``explicit``: somebody has turned the flag on, so that it stays on
    whatever its window says.
    """

    state: FlagState
    override: Override | None
    phase: Phase | None = None
    explicit: bool = False


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
    if state.window is not None:  # a flag without one has the digest that it had before these
        keys.append(state.window.document())
    return hashlib.sha256(json.dumps(keys).encode()).hexdigest()[:32]


def effective(
    state: FlagState, override: Override | None, now: float
) -> tuple[FlagState, Override | None]:
    """What holds at ``now`` (seconds since the epoch), and the override that makes it so."""
    found = standing(state, override, now)
    return found.state, found.override


def standing(state: FlagState, override: Override | None, now: float) -> Standing:
    """What holds at ``now`` (seconds since the epoch) of a flag with this ``state`` in the YAML.

    A flag with a window is on where somebody turned it on, and within the window unless somebody
    turned it off since the window began. A per-user flag is armed without being told to, but not
    if it has a window.
    """
    live = None
    if override is not None and override.says_something and override.digest == state_digest(state):
        live = lifted(override, now)
    held = state if live is None else patched(state, live.values)
    window, course = held.window, None if override is None else override.course
    if window is None:
        return Standing(held, live, explicit=held.enabled)
    values = {} if live is None else live.values
    said = "enabled" in held.written or "enabled" in values
    found = phase(window, course, now, ended=_ended(values), ttl=held.ttl)
    explicit = held.enabled and said
    on = explicit or found.current is not None
    return Standing(replace(held, enabled=on), live, found, explicit)


def armed(state: FlagState) -> bool:
    """Whether a flag with this state in the YAML is on outside of its window, too."""
    return state.enabled and (state.window is None or "enabled" in state.written)


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


def patched(state: FlagState, values: Mapping[str, object]) -> FlagState:
    # What is stored was validated before it was written (read_patch), so it is only converted.
    changes: dict[str, Any] = {FIELDS[key]: value for key, value in values.items() if key in FIELDS}
    if "users" in changes:
        changes["users"] = tuple(changes["users"])
    if "mode" in changes:
        changes["mode"] = _mode(changes["mode"])
    if "ttl" in changes:
        changes["ttl_inherited"] = False
    if "window" in changes:
        changes["window"] = _window(changes["window"])
    return replace(state, **changes)


def _ended(values: Mapping[str, object]) -> float:
    ended = values.get(ENDED)
    return float(ended) if isinstance(ended, int | float) else -math.inf


def _window(document: object) -> Window | None:
    if not isinstance(document, Mapping):
        return None  # false
    try:
        return read_window(document)
    except WindowError:
        # This machine may not know the time zone that another one knew: refuse the most.
        return Window(_ALWAYS)


def _mode(text: str) -> Mode:
    # A mode that this version does not know was written by a later one: refuse the most.
    try:
        return Mode(text)
    except ValueError:
        return Mode.UNAVAILABLE


FIELDS = {
    "enabled": "enabled",
    "users": "users",
    "rollout": "rollout",
    "ttl": "ttl",
    "mode": "mode",
    "page.message": "message",
    "page.retry_after": "retry_after",
    "window": "window",
}
_ALWAYS = Occurrence(0.0, 253_000_000_000.0)  # until the year 9987
