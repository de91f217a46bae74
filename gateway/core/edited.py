"""What an edit of the YAML came to for one flag, for the audit."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.core.flags import FlagState
from gateway.core.overrides import moved_users
from gateway.core.standing import FIELDS, Override, armed

_TOLD = tuple(key for key in FIELDS if key not in {"window", "ttl"})


def edited(
    before: FlagState | None,
    override: Override | None,
    after: FlagState | None,
    kept: Override | None,
) -> dict[str, object]:
    """The new value of each key that moved; ``users`` is ``{"add": [...], "remove": [...]}``.

    A flag is told of that was not there ``before``, or is not ``after``, if it is on, or was. What
    its window does is not counted: the window tells of that itself.
    """
    if before is None or after is None:
        on = _on(before, override) if after is None else _on(after, kept)
        return {"enabled": after is not None} if on else {}
    moved: dict[str, object] = {}
    for key in _TOLD:
        was, now = _value(before, override, key), _value(after, kept, key)
        if was != now:
            moved[key] = now
        if key in moved and isinstance(was, tuple) and isinstance(now, tuple):  # users alone are
            moved[key] = moved_users(was, now)
    return moved


def _on(state: FlagState | None, override: Override | None) -> bool:
    return state is not None and bool(_value(state, override, "enabled"))


def _value(state: FlagState, override: Override | None, key: str) -> object:
    values: Mapping[str, object] = {} if override is None else override.values
    found = values.get(key, armed(state) if key == "enabled" else getattr(state, FIELDS[key]))
    return tuple(found) if isinstance(found, list) else found
