"""An event as one line of a chat: what a colleague would write, in Slack's markup.

What others have written (names, reasons, commands) is taken apart first: no line end of theirs is
kept, ``&``, ``<`` and ``>`` are escaped as Slack asks for, so that there is neither a link nor
``<!channel>``, and an ``@`` at the beginning of a word is kept apart from it, because Slack's
imitators ring for a plain ``@channel``.
https://docs.slack.dev/messaging/formatting-message-text#escaping
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, assert_never

from gateway.core.events import Event, Type
from gateway.core.flags import Flag, Kind, Mode

LONGEST = 300  # characters of any one text of somebody's
MOST_NAMED = 5  # users named before "and 12 more"


def chat_line(event: Event, label: str | None) -> str:
    """One line, the site's label first if there is one."""
    where = f"[{safe(label)}] " if label else ""
    return f"{_ICONS[event.type]} {where}{_said(event)}"


def safe(text: object) -> str:
    """Somebody's text, on one line, without markup that does something, and not too long."""
    line = " ".join(str(text).split())
    if len(line) > LONGEST:
        line = f"{line[: LONGEST - 1]}…"
    line = "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in line)
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _CALLING.sub("@\N{ZERO WIDTH SPACE}", line)


def _said(event: Event) -> str:  # noqa: C901, PLR0911 one line a type
    name, who, at = f"*{safe(event.flag)}*", _who(event), _clock(event.at)
    match event.type:
        case Type.FLAG_ON:
            word = "armed" if _is_user(event) else "on"
            return f"{name} is {word} since {at}{who}{_holding(event)}{_until(event)}"
        case Type.FLAG_OFF:
            return f"{name} is off since {at}{who}"
        case Type.FLAG_CHANGED:
            return f"{name} was changed at {at}{who}: {_changes(event.details.get('changes'))}"
        case Type.FLAG_USERS:
            return f"{name}: {_users(event.details.get('users'))}{who}{_until(event)}"
        case Type.FLAG_FORGOTTEN:
            return f"{name} is on for longer than its max, since {_moment(event, 'since')}"
        case Type.WINDOW_BEGAN:
            return f"The window of {name} has begun{_holding(event)}{_until(event)}"
        case Type.WINDOW_ENDED:
            off = f"{name} is off" if event.details.get("holds") else f"{name} stays on"
            return f"The window of {name} has ended at {at}: {off}"
        case (
            Type.GUARD_STARTED
            | Type.GUARD_FINISHED
            | Type.GUARD_FAILED
            | Type.GUARD_RELEASED
            | Type.GUARD_ABANDONED
        ):
            return _guard(event)
        case Type.CONFIG_INVALID:
            return f"The configuration is not valid, so nothing was changed: {safe(event.reason)}"
        case Type.CONFIG_VALID:
            return f"The configuration is valid again since {at}"
        case Type.TEST:
            return f"A test from the maintenance gateway{who}: nothing has happened"
    assert_never(event.type)


def _guard(event: Event) -> str:
    guard: Mapping[str, Any] = event.details.get("guard") or {}  # type: ignore[assignment]
    what = f"*{safe(event.flag)}*"
    if guard.get("user") is not None:
        what += f" for {safe(guard['user'])}"
    command = f"`{safe(guard.get('command') or 'a command').replace('`', chr(39))}`"
    message = f": {safe(guard['message'])}" if guard.get("message") else ""
    match event.type:
        case Type.GUARD_STARTED:
            host = f" on {safe(guard['host'])}" if guard.get("host") else ""
            return f"{safe(event.by)} runs {command}{host} behind {what} since {_clock(event.at)}"
        case Type.GUARD_FINISHED:
            return f"{command} is done{_progress(guard)}: {what} is let go{_took(guard)}"
        case Type.GUARD_FAILED if guard.get("left_on"):
            return f"{command} failed{_progress(guard)} and {what} STAYS ON{message}"
        case Type.GUARD_FAILED:
            return f"{command} behind {what} failed{_progress(guard)}{message}"
        case Type.GUARD_ABANDONED:
            return (
                f"Nothing is heard any more of {command} of {safe(event.by)} behind {what}: "
                "the flag stays as it is until somebody lifts it"
            )
        case _:
            return f"The guard of {what} by {safe(event.by)} has ended: {command}"


def _who(event: Event) -> str:
    words = ": ".join(filter(None, map(safe, (event.by, event.reason))))
    return f" ({words})" if words else ""


def _is_user(event: Event) -> bool:
    return event.about is not None and event.about.kind is Kind.USER


def _holding(event: Event) -> str:
    if event.about is None:
        return ""
    what = _HOLDS.get(event.mode or "", "every request")
    if event.about.kind is Kind.USER:
        what += " of the users it names"
    return f" — {what} to {_scope(event.about)}"


def _scope(flag: Flag) -> str:
    scope = flag.scope
    parts = (
        sorted(scope.methods),
        [each.text for each in scope.hosts],
        [each.text for each in scope.paths],
    )
    return safe(" ".join(", ".join(part) for part in parts if part)) or "the whole site"


def _until(event: Event) -> str:
    return "" if event.until is None else f", until {_clock(event.until)}"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M UTC")


def _moment(event: Event, key: str) -> str:
    at = event.details.get(key)
    return safe(at).replace("T", " ")[:16] + " UTC" if at else "a while"


def _changes(changes: object) -> str:
    moved = changes.items() if isinstance(changes, Mapping) else ()
    return ", ".join(f"{safe(key)} {safe(_value(value))}" for key, value in moved)


def _value(value: object) -> object:
    if isinstance(value, Mapping):
        return " ".join(str(each) for each in value.values() if each)
    return "none" if value is None else value


def _users(users: object) -> str:
    told: Mapping[str, Any] = users if isinstance(users, Mapping) else {}
    parts = [
        f"{_named(told.get(key) or (), told.get(f'{key}_count') or 0)} {word}"
        for key, word in (("added", "held"), ("removed", "let go"))
        if told.get(f"{key}_count")
    ]
    return ", ".join(parts) or "its users were changed"


def _named(names: Any, count: int) -> str:
    named = [safe(name) for name in names[:MOST_NAMED]]
    more = count - len(named)
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def _progress(guard: Mapping[str, Any]) -> str:
    return f" ({guard['done']} of {guard['of']})" if guard.get("of") else ""


def _took(guard: Mapping[str, Any]) -> str:
    took = guard.get("took")
    if not isinstance(took, int | float):
        return ""
    minutes = int(took // 60)
    return f", after {minutes} min" if minutes else f", after {int(took)} s"


_CALLING = re.compile(r"(?<!\w)@")
_HOLDS = {
    Mode.READ_ONLY.value: "every write",
    Mode.HOLD.value: "requests wait, each one",
    Mode.NOTICE.value: "a notice on each request",
    Mode.ANONYMOUS.value: "nobody is logged in on requests",
}
_ICONS = {
    Type.FLAG_ON: ":construction:",
    Type.FLAG_OFF: ":white_check_mark:",
    Type.FLAG_CHANGED: ":pencil2:",
    Type.FLAG_USERS: ":bust_in_silhouette:",
    Type.FLAG_FORGOTTEN: ":alarm_clock:",
    Type.WINDOW_BEGAN: ":construction:",
    Type.WINDOW_ENDED: ":white_check_mark:",
    Type.GUARD_STARTED: ":gear:",
    Type.GUARD_FINISHED: ":white_check_mark:",
    Type.GUARD_FAILED: ":rotating_light:",
    Type.GUARD_RELEASED: ":information_source:",
    Type.GUARD_ABANDONED: ":rotating_light:",
    Type.CONFIG_INVALID: ":warning:",
    Type.CONFIG_VALID: ":white_check_mark:",
    Type.TEST: ":wave:",
}
