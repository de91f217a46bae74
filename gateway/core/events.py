"""What happened, as webhooks tell it: one value a message, and its JSON.

The payload is version 1 (docs/webhooks.md): keys may be added to it, none is taken away or comes
to mean another thing without another number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from gateway.core.flags import Flag

VERSION = 1
MOST_NAMED = 100  # users that a message names; it counts the others


class Group(StrEnum):
    """What a webhook may ask for."""

    FLIP = "flip"
    CHANGE = "change"
    USERS = "users"
    WINDOW = "window"
    GUARD = "guard"
    CONFIG = "config"
    FORGOTTEN = "forgotten"


class Type(StrEnum):
    """What a message is of."""

    FLAG_ON = "flag.on"
    FLAG_OFF = "flag.off"
    FLAG_CHANGED = "flag.changed"
    FLAG_USERS = "flag.users"
    FLAG_FORGOTTEN = "flag.forgotten"
    WINDOW_BEGAN = "window.began"
    WINDOW_ENDED = "window.ended"
    GUARD_STARTED = "guard.started"
    GUARD_FINISHED = "guard.finished"
    GUARD_FAILED = "guard.failed"
    GUARD_RELEASED = "guard.released"
    GUARD_ABANDONED = "guard.abandoned"
    CONFIG_INVALID = "config.invalid"
    CONFIG_VALID = "config.valid"
    TEST = "webhook.test"

    @property
    def group(self) -> Group | None:
        """None: it is for every webhook."""
        match self:
            case Type.FLAG_ON | Type.FLAG_OFF:
                return Group.FLIP
            case Type.FLAG_CHANGED:
                return Group.CHANGE
            case Type.FLAG_USERS:
                return Group.USERS
            case Type.FLAG_FORGOTTEN:
                return Group.FORGOTTEN
            case Type.TEST:
                return None
            case _:
                return Group(self.value.partition(".")[0])


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. ``at`` and ``until`` are seconds since the epoch.

    ``id`` is the same each time it is told, and of no other event. ``about`` is the flag as the
    YAML has it, None where the event is of none, or it is no more. ``details`` are JSON values by
    the names that the payload has them under.
    """

    type: Type
    id: str
    at: float
    by: str = ""
    reason: str = ""
    revision: int = 0
    flag: str = ""
    about: Flag | None = None
    mode: str | None = None
    until: float | None = None
    details: Mapping[str, object] = field(default_factory=dict)


def payload(event: Event, label: str | None) -> dict[str, object]:
    """The JSON of an event; ``label`` is what the webhook calls this gateway."""
    about = event.about
    return {
        "type": event.type.value,
        "id": event.id,
        "timestamp": rfc3339(event.at),
        "version": VERSION,
        "label": label,
        "revision": event.revision,
        "flag": event.flag or None,
        "kind": None if about is None else about.kind.value,
        "mode": event.mode,
        "scope": None if about is None else _scope(about),
        "by": event.by,
        "reason": event.reason or None,
        "until": None if event.until is None else rfc3339(event.until),
        **event.details,
    }


def rfc3339(at: float) -> str:
    """Seconds since the epoch as ``2030-01-31T12:00:00.000Z``."""
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _scope(flag: Flag) -> dict[str, object]:
    return {
        "hosts": [host.text for host in flag.scope.hosts],
        "paths": [path.text for path in flag.scope.paths],
        "methods": sorted(flag.scope.methods),
    }
