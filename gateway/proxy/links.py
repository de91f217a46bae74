"""Bypass links: where one is followed its token becomes a cookie, and where that is taken back.

Theory of operation. ``/-/maintenance/bypass/FLAG?token=...&to=/path`` answers 303 to ``/path``,
with the token as a cookie of its flag; ``.../FLAG/end`` with the cookie taken away. So the token
is in no address that the app sees, or that a page of it could tell others as its referrer. Every
request is judged by the cookie anew: that one was set says nothing.

Where it leads to is a path of this site and nothing else, however a browser reads it: no second
slash, no backslash, none of the characters that browsers take out of addresses.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs

from gateway.core.gated import GatedRule
from gateway.core.passes import COOKIE, OWN_PATHS
from gateway.core.snapshot import Snapshot
from gateway.pages.answers import Answer, answer
from gateway.pages.pages import Pages
from gateway.pages.reminder import END, REMINDER_SHEET
from gateway.pages.wishes import Wish
from gateway.proxy.wire.request import RequestHead

_ON_THIS_SITE = re.compile(r"/(?![/\\])[!-\[\]-~]*")
_HTTPS = re.compile(rb"\r\nX-Forwarded-Proto:[ \t]*https\b", re.IGNORECASE)
_LONGEST_QUERY = 8192
_NO_REFERRER = b"Referrer-Policy: no-referrer\r\n"
_INVALID = "This link has expired, was revoked, or is not whole. Ask for a new one."


def answer_link(
    request: RequestHead, snapshot: Snapshot, pages: Pages, wish: Wish, now: float
) -> Answer | None:
    """The answer to a request for what is below ``OWN_PATHS``; None: there is nothing.

    ``now`` is seconds since the epoch.
    """
    path, _, query = request.origin.partition(b"?")
    if path == REMINDER_SHEET.path:
        return REMINDER_SHEET.answer
    name, _, rest = path[len(OWN_PATHS) :].decode("latin-1").partition("/")
    rule = snapshot.rule(name)
    if not isinstance(rule, GatedRule) or rest not in ("", END.decode()):
        return None
    asked = _asked(query)
    if rest:
        return _to(asked.get("to", "/"), name, "", 0, request)
    token = asked.get("token", "")
    found = rule.gate.opened_by(token.encode("utf-8", "replace"))
    if found is None:
        refused = pages.error(403, "This link is not valid", _INVALID, wish)
        return Answer(refused.status, refused.head + _NO_REFERRER, refused.body)
    left = max(0, int(found.expires - now))
    return _to(asked.get("to", "/"), name, token, left, request)


def _to(path: str, flag: str, token: str, seconds: int, request: RequestHead) -> Answer:
    secure = "; Secure" if _HTTPS.search(request.rest) else ""
    cookie = f"{COOKIE}{flag}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
    fields = [
        ("Location", path if _ON_THIS_SITE.fullmatch(path) else "/"),
        ("Set-Cookie", cookie),
        ("Referrer-Policy", "no-referrer"),
    ]
    return answer(303, fields, b"")


def _asked(query: bytes) -> dict[str, str]:
    if len(query) > _LONGEST_QUERY:
        return {}
    found = parse_qs(query.decode("latin-1"))
    return {name: values[0] for name, values in found.items()}
