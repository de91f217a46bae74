"""Answers of the gateway's own that a browser app of another origin may read (Fetch, 3.3).

The app's answers are the app's: nothing is added to them. To a request that is held, the browser
would put the preflight first and show its program an opaque network error; so the gateway answers
that one too, for the very method and fields it asks about, and the 503 after it can be read.

What a preflight of ours allows is not kept (``Max-Age: 0``): once the flag is off each request is
the app's to allow. Origins that are named may read with credentials, ``*`` may not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from gateway.pages.answers import Answer
from gateway.proxy.wire.grammar import TOKEN

ANY = "*"

_ORIGIN, _METHOD, _HEADERS = (
    b"origin", b"access-control-request-method", b"access-control-request-headers",
)  # fmt: skip
_ASKED = frozenset((_ORIGIN, _METHOD, _HEADERS))
_TOKEN = re.compile(TOKEN + rb"{1,64}")
_NAMES = re.compile(rb"(?:[ \t]*" + TOKEN + rb"++[ \t]*(?:,|\Z))++")
_LONGEST = 4_096  # bytes of field names in one preflight

_EXPOSED = b"Access-Control-Expose-Headers: Retry-After, X-Maintenance\r\n"
_VARY = b"Vary: Origin\r\n"
_PREFLIGHT = (
    b"HTTP/1.1 204 No Content\r\nCache-Control: no-store\r\nAccess-Control-Max-Age: 0\r\n"
    b"Vary: Access-Control-Request-Method, Access-Control-Request-Headers\r\n"
)

Fields = Iterable[tuple[bytes, bytes]]


class Cors:
    """Who may read: ``origins`` as browsers write them, or ``ANY``."""

    def __init__(self, origins: Iterable[str]) -> None:
        named = frozenset(origin.encode() for origin in origins)
        self._any = ANY.encode() in named
        self._named = named

    def readable(self, answer: Answer, fields: Fields) -> Answer:
        """``answer`` as it goes out to a request with ``fields``."""
        allowed = self._allowed(_asked(fields).get(_ORIGIN))
        return replace(answer, head=answer.head + (allowed + _EXPOSED if allowed else b"") + _VARY)

    def preflight(self, method: bytes, fields: Fields) -> Answer | None:
        """The answer to a preflight; None: this is none, or none that may be allowed."""
        if method != b"OPTIONS":
            return None
        asked = _asked(fields)
        allowed, wanted = self._allowed(asked.get(_ORIGIN)), asked.get(_METHOD, b"")
        names = asked.get(_HEADERS, b"")
        if not allowed or not _TOKEN.fullmatch(wanted):
            return None
        if names and (len(names) > _LONGEST or not _NAMES.fullmatch(names)):
            return None
        lines = b"Access-Control-Allow-Methods: %b\r\n" % wanted
        if names:
            lines += b"Access-Control-Allow-Headers: %b\r\n" % names
        return Answer(204, b"".join((_PREFLIGHT, allowed, lines, _VARY)), b"")

    def _allowed(self, origin: bytes | None) -> bytes:
        if origin is not None and origin in self._named and origin != ANY.encode():
            return (
                b"Access-Control-Allow-Origin: %b\r\nAccess-Control-Allow-Credentials: true\r\n"
                % origin
            )
        return b"Access-Control-Allow-Origin: *\r\n" if origin is not None and self._any else b""


def _asked(fields: Fields) -> dict[bytes, bytes]:
    # Each at most once, as browsers send them; of a field that comes twice nothing is allowed.
    found: dict[bytes, bytes] = {}
    for name, value in fields:
        key = name.lower()
        if key in _ASKED:
            found[key] = b"" if key in found else value
    return found
