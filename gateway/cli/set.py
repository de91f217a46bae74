"""``gateway set``: changes any of the keys that a flip may change, in one step."""

from __future__ import annotations

import difflib
import json

import click

from gateway.cli.failures import Misused
from gateway.cli.flip import for_option, patch, reason_option
from gateway.cli.session import Session, asks_gateway
from gateway.cli.wording import result
from gateway.core.patches import PatchError, read_patch

KEYS = ("enabled", "users", "rollout", "ttl", "mode", "window", "page.message", "page.retry_after")
SWITCH = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


@click.command("set", short_help="Set keys of FLAG, as users=alice,bob or ttl=0.")
@click.argument("flag")
@click.argument("pairs", metavar="KEY=VALUE...", nargs=-1, required=True)
@for_option()
@reason_option()
@asks_gateway
def set_keys(
    session: Session, flag: str, pairs: tuple[str, ...], lasts: str | None, reason: str
) -> None:
    """Set keys of FLAG: enabled, users, rollout, ttl, mode, window, page.message, page.retry_after.

    \b
    gateway set reindex users=alice,bob ttl=0
    gateway set search page.message="Back at noon." page.retry_after=10m
    gateway set search window=2030-01-31T03:00+01:00/2030-01-31T05:00+01:00
    gateway set search window='{"cron": "0 3 * * sun", "for": "2h", "timezone": "Europe/Berlin"}'

    users= takes the list whole (a JSON list too, [] for nobody), window= the window whole, off for
    none. KEY= or KEY=null puts a key back to what the YAML says.
    """
    document = patch(read_pairs(pairs), reason, lasts)
    answer = session.client.call("PATCH", "flags", flag, document=document)
    session.show(answer, (result(answer.document),))


def read_pairs(pairs: tuple[str, ...]) -> dict[str, object]:
    """The merge patch of ``KEY=VALUE`` words. Raises ``Misused``, all errors in one line."""
    values: dict[str, object] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise Misused(f"{pair!r} has no =: write KEY=VALUE, as rollout=10")
        if key in {"reason", "for"}:
            raise Misused(f"{key} is no key of a flag: use --{key}")
        if key in values:
            raise Misused(f"{key} is given twice")
        values[key] = _read(key, text)
    try:
        read_patch(values)
    except PatchError as error:
        raise Misused(f"{error}{_meant(values)}") from error
    return _nested(values)


def _read(key: str, text: str) -> object:
    if text in {"", "null"}:
        return None
    match key:
        case "enabled":
            return SWITCH.get(text.lower(), text)
        case "users":
            return _users(text)
        case "window":
            return _window(text)
        case "rollout":
            return _number(text.removesuffix("%"))
        case _:
            return text


def _users(text: str) -> object:
    if not text.startswith("["):
        return [name for name in (part.strip() for part in text.split(",")) if name]
    try:
        return json.loads(text)
    except ValueError:
        return text


def _window(text: str) -> object:
    if text.startswith("{"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    start, slash, end = text.partition("/")
    return {"start": start, "end": end} if slash else SWITCH.get(text.lower(), text)


def _number(text: str) -> object:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text


def _meant(values: dict[str, object]) -> str:
    unknown = [key for key in values if key not in KEYS]
    close = difflib.get_close_matches(unknown[0], KEYS, 1, 0.7) if unknown else []
    return f" (did you mean {close[0]}?)" if close else ""


def _nested(values: dict[str, object]) -> dict[str, object]:
    # A merge patch nests: page.message is {"page": {"message": ...}}.
    plain = {key: value for key, value in values.items() if "." not in key}
    page = {key[5:]: value for key, value in values.items() if key.startswith("page.")}
    return {**plain, "page": page} if page else plain
