"""The words for what a flag does, made of the control API's JSON of it. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from gateway.cli.client import Document
from gateway.cli.failures import one_line

MOST_NAMED = 5  # users named in a sentence before "and 12 more"


def state_of(flag: Document) -> str:
    """``ON``, ``off``; for a per-user flag ``armed, 3 users``, which holds nobody else."""
    if not flag.get("enabled"):
        return "off"
    if flag.get("kind") != "user":
        return "ON"
    return "armed, " + (_who(flag) or "nobody")


def scope_of(flag: Document) -> str:
    """``POST example.com /search, /api``; ``whole site`` where nothing restricts it."""
    scope = flag.get("scope") or {}
    if not isinstance(scope, dict):
        return one_line(str(scope))
    parts = [", ".join(map(str, scope.get(key) or ())) for key in ("methods", "hosts", "paths")]
    return one_line(" ".join(part for part in parts if part)) or "whole site"


def window_of(flag: Document) -> str:
    """When a flag is on by itself: what is written, and when that is next or until when it is."""
    window = flag.get("window")
    if not isinstance(window, dict):
        return ""
    now, coming = window.get("now"), window.get("next")
    if now:
        return f"{window.get('text')}; now, until {clock_time(now.get('end'))}"
    when = f"next at {clock_time(coming.get('start'))}" if coming else "over"
    told = ", announced" if coming and window.get("announced") else ""
    return f"{window.get('text')}; {when}{told}"


def holding(flag: Document) -> str:
    """What a flag does now, as the end of a sentence: ``it holds …``."""
    if not flag.get("enabled"):
        return "it holds nobody"
    does, what = _DOES.get(str(flag.get("mode")), ("holds", "every request"))
    scope = scope_of(flag)
    where = "the whole site" if scope == "whole site" else scope
    if flag.get("kind") != "user":
        return f"it {does} {what} to {where}"
    if not _who(flag):
        return "it holds nobody yet"
    return f"it {does} {what} of {_named(flag)} to {where}"


def result(flag: Document) -> str:
    """One line on what holds now: the flag's state, what it holds, since which revision."""
    name = one_line(str(flag.get("flag")))
    word = "off" if not flag.get("enabled") else "armed" if flag.get("kind") == "user" else "on"
    line = f"{name} is {word} since revision {flag.get('revision')}: {holding(flag)}"
    if until := clock_time(flag.get("until")):
        line += f", until {until}"
    return line + (" (as the YAML says)" if flag.get("from") == "yaml" else "")


def moment(value: object) -> float | None:
    """Seconds since the epoch, of a number of them or of an ISO 8601 time; None of neither."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if math.isfinite(value) else None
    try:
        when = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def ago(value: object, now: float) -> str:
    """``12s ago``, ``5m ago``, ``3h ago``, ``2d ago``; empty for no time."""
    at = moment(value)
    return "" if at is None else f"{span(max(0.0, now - at))} ago"


def span(seconds: float) -> str:
    """A length of time in its largest whole unit."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size or (unit != "d" and seconds >= size):
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def clock_time(value: object) -> str:
    """A time in the reader's own zone: ``2025-01-31 14:05:09``; empty for none."""
    at = moment(value)
    return "" if at is None else datetime.fromtimestamp(at, tz=UTC).astimezone().strftime(_CLOCK)


def drained(result: Document) -> str:
    """What a drain came to, in a line: ``drained in 0.3 s: 4 members, 12 finished, 1 cut``."""
    counts = [counted(_count(result.get("members")), "member")]
    counts += [
        f"{result[key]} {key}" for key in ("finished", "cut", "abandoned") if result.get(key)
    ]
    if result.get("missing"):
        counts.append(f"gone: {', '.join(map(str, result['missing']))}")
    return f"drained in {float(result.get('waited') or 0):.1f} s: {', '.join(counts)}"


def counted(count: int, noun: str) -> str:
    """``1 member``, ``2 members``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _count(members: object) -> int:
    return len(members) if isinstance(members, list) else 0


def users_of(flag: Document) -> list[str]:
    users = flag.get("users")
    return [str(user) for user in users] if isinstance(users, list) else []


def _who(flag: Document) -> str:
    # "3 users", "10%", "3 users + 10%", or nothing where it holds nobody.
    users, rollout = users_of(flag), flag.get("rollout") or 0
    count = f"{len(users)} user{'s' if len(users) != 1 else ''}" if users else ""
    share = f"{rollout:g}%" if rollout else ""
    return " + ".join(filter(None, (count, share, "unnamed" if holds_missing(flag) else "")))


def _named(flag: Document) -> str:
    users, rollout = users_of(flag), flag.get("rollout") or 0
    share = f"{rollout:g}% of {'all other' if users else 'all'} users" if rollout else ""
    missing = "whoever gives no name" if holds_missing(flag) else ""
    return " and ".join(filter(None, (listed(users), share, missing)))


def holds_missing(flag: Document) -> bool:
    """Whether a per-user flag holds requests that name no user (``user.missing: hold``)."""
    identity = flag.get("identity")
    return isinstance(identity, dict) and identity.get("missing") == "hold"


def listed(names: Sequence[str]) -> str:
    """``a, b, c``, and of a long list the first few and how many more."""
    shown = ", ".join(one_line(name) for name in names[:MOST_NAMED])
    more = len(names) - MOST_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


_DOES = {
    "read-only": ("holds", "every write"),
    "notice": ("puts a notice on", "every request"),
    "anonymous": ("takes the credentials out of", "every request"),
}
_CLOCK = "%Y-%m-%d %H:%M:%S"
