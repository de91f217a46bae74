"""What the audit's entries say happened, as events. Pure.

The audit is the one list of what happened: every member writes to it, whoever tells reads it. An
event's id is made of its entry's, so that it is the same whoever tells, and however often. What a
guard flips for its command is told by the guard's own entries: 10,000 users are two messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from gateway.config.settings import Webhook
from gateway.core.events import MOST_NAMED, Event, Type, rfc3339
from gateway.core.flags import Flag
from gateway.stores.base import AuditEntry

# What entries of these actions did to a flag is in their changes.
_FLIPS = frozenset({"flip", "users", "reset", "lift", "config", "source"})
_GUARD_STATES = {
    "started": Type.GUARD_STARTED,
    "finished": Type.GUARD_FINISHED,
    "failed": Type.GUARD_FAILED,
    "released": Type.GUARD_RELEASED,
    "abandoned": Type.GUARD_ABANDONED,
}

MOST_LOOKED_AT = 1000  # entries at once: 2 ms at most, in which nothing else of this worker goes on

# The flag of a name as it is now, and its mode; None: there is none.
Flags = Callable[[str], tuple[Flag, str] | None]


@dataclass(frozen=True, slots=True)
class Told:
    """What is to be told next, if anything, and the ``last`` entry that this settles.

    ``open``: users that come or go now would be told with it.
    """

    event: Event | None
    last: int
    open: bool = False


def next_told(entries: Iterable[AuditEntry], webhook: Webhook, flags: Flags, epoch: str) -> Told:
    """The first of ``entries``, oldest first and at least one, that this webhook is told of.

    Users who were added and removed one after another are one event, of ``MOST_LOOKED_AT`` entries
    at most. ``epoch`` is of the store.
    """
    run: list[AuditEntry] = []
    passed = 0
    for entry in islice(entries, MOST_LOOKED_AT):
        kind = _type(entry, entry.changes or {})
        if kind is None or not wants(webhook, kind, entry.flag):
            passed = passed if run else entry.id
            continue
        if not run and kind is not Type.FLAG_USERS:
            return Told(event_of(entry, flags, epoch), entry.id)
        if run and (kind is not Type.FLAG_USERS or not _of_one(run[0], entry)):
            return Told(_together(run, flags, epoch), run[-1].id)
        run.append(entry)
    if not run:
        return Told(None, passed)
    return Told(_together(run, flags, epoch), run[-1].id, open=len(run) < MOST_LOOKED_AT)


def wants(webhook: Webhook, kind: Type, flag: str) -> bool:
    """Whether this webhook is told of such events, of this flag ("": of none)."""
    if kind.group is not None and kind.group not in webhook.events:
        return False
    return not flag or not webhook.flags or flag in webhook.flags


def event_of(entry: AuditEntry, flags: Flags, epoch: str) -> Event | None:
    """What an entry is told as; None: it is not."""
    changes = entry.changes or {}
    kind = _type(entry, changes)
    if kind is None:
        return None
    flag = flags(entry.flag) if entry.flag else None
    until = changes.get("until")
    return Event(
        type=kind,
        id=f"evt_{epoch[:8]}_{entry.id}",
        at=entry.at,
        by=entry.by,
        reason=entry.reason,
        revision=entry.revision,
        flag=entry.flag,
        about=None if flag is None else flag[0],
        mode=None if flag is None else flag[1],
        until=until if isinstance(until, int | float) else None,
        details=_details(kind, changes),
    )


def _type(entry: AuditEntry, changes: Mapping[str, object]) -> Type | None:
    match entry.action:
        case "guard":
            found = _GUARD_STATES.get(str(changes.get("state")))
        case "forgotten":
            found = Type.FLAG_FORGOTTEN
        case "window":
            found = Type.WINDOW_BEGAN if "until" in changes else Type.WINDOW_ENDED
        case "config" if isinstance(changes.get("valid"), bool):
            found = Type.CONFIG_VALID if changes["valid"] else Type.CONFIG_INVALID
        case action if action in _FLIPS and entry.flag and "guard" not in changes:
            found = _flip(changes)
        case _:
            found = None
    return found


def _flip(changes: Mapping[str, object]) -> Type | None:
    if "enabled" in changes:
        return Type.FLAG_ON if changes["enabled"] else Type.FLAG_OFF
    moved = changes.keys() - {"until"}
    if moved == {"users"}:
        return Type.FLAG_USERS
    return Type.FLAG_CHANGED if moved else None


def _details(kind: Type, changes: Mapping[str, object]) -> dict[str, object]:
    match kind:
        case Type.FLAG_ON | Type.FLAG_OFF | Type.FLAG_CHANGED:
            moved = {key: value for key, value in changes.items() if key not in {"until", "users"}}
            users = {"users": _users(changes["users"])} if "users" in changes else {}
            return {"changes": moved, **users}
        case Type.FLAG_USERS:
            return {"users": _users(changes["users"])}
        case Type.WINDOW_BEGAN | Type.WINDOW_ENDED:
            return {"holds": "enabled" in changes}
        case Type.FLAG_FORGOTTEN:
            since = changes.get("since")
            at = rfc3339(since) if isinstance(since, int | float) else None
            return {"since": at, "max": changes.get("max")}
        case _ if kind in _GUARD_STATES.values():
            told = {key: value for key, value in changes.items() if key not in {"guard", "state"}}
            about = dict.fromkeys(("user", "host", "command"))
            return {"guard": {"id": changes.get("guard"), **about, **told}}
        case _:
            return {}


def _users(moved: object) -> dict[str, object]:
    return _counted([moved])


def _counted(moves: Sequence[object]) -> dict[str, object]:
    pairs = [each for each in moves if isinstance(each, Mapping)]
    came, left = (
        [user for each in pairs for user in each.get(key) or ()] for key in ("add", "remove")
    )
    return {
        "added": came[:MOST_NAMED],
        "removed": left[:MOST_NAMED],
        "added_count": len(came),
        "removed_count": len(left),
    }


def _of_one(first: AuditEntry, later: AuditEntry) -> bool:
    return (first.flag, first.by) == (later.flag, later.by)


def _together(run: Sequence[AuditEntry], flags: Flags, epoch: str) -> Event | None:
    first, last = event_of(run[0], flags, epoch), run[-1]
    if first is None or len(run) == 1:
        return first
    same = all(each.reason == run[0].reason for each in run)
    # Its id is of both ends: told again with more in it, it is another message.
    return replace(
        first,
        id=f"{first.id}-{last.id}",
        at=last.at,
        reason=first.reason if same else "",
        revision=last.revision,
        details={"users": _counted([(each.changes or {}).get("users") for each in run])},
    )
