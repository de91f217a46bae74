"""Reading ``webhooks``: who is told of what happens, and how."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection
from urllib.parse import urlsplit

from gateway.config.errors import Invalid
from gateway.config.nodes import Node, Table
from gateway.config.scalars import choice, duration, positive_duration, secret, text, word
from gateway.config.section import Read, Section, did_you_mean
from gateway.config.settings import Secret, Webhook, WebhookFormat
from gateway.core.events import Group

MOST = 20  # webhooks; each is a series of metrics, and a queue
LONGEST_TIMEOUT = 60.0  # seconds
LONGEST_RETRY = 7 * 86_400.0
PREFIX = "whsec_"


def read_webhooks(top: Section, flags: Collection[str]) -> tuple[Webhook, ...]:
    """All of them, by name; ``flags`` are the names there are."""
    node = top.node("webhooks")
    if not isinstance(node, Table):
        top.section("webhooks")  # reports the wrong type
        return ()
    if len(node.entries) > MOST:
        top.refuse("webhooks", f"has {len(node.entries)} entries; at most {MOST}")
    found = [_read_webhook(name, inner, top, flags) for name, inner in node.entries.items()]
    return tuple(webhook for webhook in found if webhook is not None)


def signing_key(found: str) -> bytes:
    """The bytes of a secret of Standard Webhooks. Raises ``ValueError`` for what is none."""
    try:
        key = base64.b64decode(found.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(_EXPECTED) from error
    if not 24 <= len(key) <= 64:
        raise ValueError(_EXPECTED)
    return key


def _read_webhook(name: str, node: Node, outer: Section, flags: Collection[str]) -> Webhook | None:
    if not isinstance(node, Table):
        outer.report.add(node.origin, "must be {url: ...}")
        return None
    if not _NAME.fullmatch(name):
        outer.report.add(node.origin, "must have a name of letters, digits, - and _, 64 at most")
    with Section(node, outer.report) as section:
        if not section.given("url"):
            section.refuse("url", "is missing")
        url = section.take("url", _url, None)
        usual = Webhook("", Secret(""))
        webhook = Webhook(
            name=name,
            url=url or Secret(""),
            format=section.take("format", choice(WebhookFormat), usual.format),
            secret=section.take("secret", _secret, None),
            events=frozenset(section.each("events", choice(Group))) or usual.events,
            flags=frozenset(section.each("flags", _flag(flags))),
            label=section.take("label", word, None),
            timeout=section.take("timeout", _timeout, usual.timeout),
            retry_for=section.take("retry_for", _retry_for, usual.retry_for),
        )
        for key in ("events", "flags"):
            if section.is_empty(key):
                section.refuse(key, "is empty; leave the key out for all of them")
    return webhook if url is not None else None


def _url(node: Node) -> Secret:
    # The message does not repeat it: Slack's addresses are secrets.
    found = text(node)
    try:
        parts = urlsplit(found)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or parts.scheme not in {"http", "https"} or not _VISIBLE.fullmatch(found):
        raise Invalid("must be an address such as https://hooks.example.com/maintenance")
    if parts.fragment:
        raise Invalid("must have no fragment (#...)")
    return Secret(found)


def _secret(node: Node) -> Secret:
    found = secret(node)
    try:
        signing_key(found)
    except ValueError as error:
        raise Invalid(str(error)) from error
    return found


def _flag(flags: Collection[str]) -> Read[str]:
    def read(node: Node) -> str:
        name = word(node)
        if name not in flags:
            raise Invalid("is no flag" + did_you_mean(name, list(flags)))
        return name

    return read


def _timeout(node: Node) -> float:
    seconds = positive_duration(node)
    if seconds > LONGEST_TIMEOUT:
        raise Invalid(f"must be {LONGEST_TIMEOUT:g} s at most")
    return seconds


def _retry_for(node: Node) -> float:
    seconds = duration(node)
    if seconds > LONGEST_RETRY:
        raise Invalid("must be 7d at most")
    return seconds


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_VISIBLE = re.compile(r"[!-~]+")
_EXPECTED = (
    "must be whsec_ and the base64 of 24 to 64 random bytes: "
    'echo "whsec_$(openssl rand -base64 32)"'
)
