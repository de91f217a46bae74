"""One answered request as a line: JSON, or the Common Log Format with what decided appended.

What visitors send is escaped, so that nobody can end a line, begin one, or break out of a field:
in JSON by ``json``, in ASCII alone; in the Common Log Format every byte that is a quote, a
backslash, or no visible ASCII becomes ``\\xHH``, as nginx has it.
"""

from __future__ import annotations

import json
import re
import time
from enum import StrEnum
from typing import NamedTuple, Protocol, assert_never

from gateway.config.settings import LogFormat

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_UNSAFE = re.compile(rb"[^ !#-\[\]-~]")
_NULL, _DASH = b"null", b"-"
_MOST = 256  # verdicts kept as text
_encode = json.JSONEncoder().encode  # json.dumps looks at its arguments for 1 us first


class End(StrEnum):
    """How the answer ended."""

    WHOLE = "whole"
    CLIENT_LEFT = "client_left"
    CUT = "cut"  # by the app, or by the gateway


class Seen(NamedTuple):
    """What requests of one client repeat, as a form has escaped it."""

    client: bytes
    host: bytes
    referer: bytes
    user_agent: bytes


class Verdict(NamedTuple):
    """What a request came to, by which flag, of which mode, and why; each may be ""."""

    decision: str
    flag: str
    reason: str
    mode: str


class Entry(NamedTuple):
    """``method`` empty: the head was not understood. ``at`` is seconds since the epoch.

    ``size`` is bytes of the body sent; ``seconds`` from the head read to the end; ``app_seconds``
    None: the app was not asked. A frozen dataclass of as many would take 2 us to make.
    """

    at: float
    method: bytes
    target: bytes
    http_1_0: bool
    status: int
    size: int
    seconds: float
    app_seconds: float | None
    held_seconds: float
    verdict: Verdict
    end: End


class LineForm(Protocol):
    """``seen`` may be kept for as long as the four values are the same."""

    def seen(
        self, client: str, host: bytes, referer: bytes | None, user_agent: bytes | None
    ) -> Seen: ...
    def line(self, entry: Entry, seen: Seen) -> bytes: ...


def line_form(form: LogFormat, member: str) -> LineForm:
    match form:
        case LogFormat.JSON:
            return _Json(member)
        case LogFormat.COMMON:
            return _Common(combined=False)
        case LogFormat.COMBINED:
            return _Common(combined=True)
        case never:
            assert_never(never)


class _Json:
    def __init__(self, member: str) -> None:
        self._member = _quoted(member)
        self._verdicts: dict[Verdict, bytes] = {}
        self._second = 0
        self._clock = b""

    def seen(
        self, client: str, host: bytes, referer: bytes | None, user_agent: bytes | None
    ) -> Seen:
        return Seen(
            _quoted(client) if client else _NULL, _text(host), _text(referer), _text(user_agent)
        )

    def line(self, entry: Entry, seen: Seen) -> bytes:
        app = entry.app_seconds
        return (
            b'{"time":"%b.%03dZ","client":%b,"method":%b,"target":%b,"protocol":%b,"host":%b,'
            b'"status":%d,"bytes":%d,"seconds":%.6f,"app_seconds":%b,"held_seconds":%.3f,'
            b'%b,"end":"%b",'
            b'"referer":%b,"user_agent":%b,"member":%b}\n'
        ) % (
            self._time(int(entry.at)),
            int(entry.at % 1 * 1000),
            seen.client,
            b'"%b"' % entry.method if entry.method else _NULL,  # a token of RFC 9110
            _text(entry.target),
            (b'"HTTP/1.0"' if entry.http_1_0 else b'"HTTP/1.1"') if entry.method else _NULL,
            seen.host,
            entry.status,
            entry.size,
            entry.seconds,
            _NULL if app is None else b"%.6f" % app,
            entry.held_seconds,
            self._verdicts.get(entry.verdict) or self._words(entry.verdict),
            entry.end.encode(),
            seen.referer,
            seen.user_agent,
            self._member,
        )

    def _words(self, verdict: Verdict) -> bytes:
        if len(self._verdicts) >= _MOST:
            self._verdicts.clear()
        made = b'"decision":%b,"flag":%b,"reason":%b,"mode":%b' % tuple(map(_word, verdict))
        self._verdicts[verdict] = made
        return made

    def _time(self, second: int) -> bytes:
        if second != self._second:
            self._second = second
            self._clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode()
        return self._clock


class _Common:
    def __init__(self, *, combined: bool) -> None:
        self._combined = combined
        self._second = 0
        self._clock = b""

    def seen(
        self,
        client: str,
        host: bytes,  # noqa: ARG002 it has no place there
        referer: bytes | None,
        user_agent: bytes | None,
    ) -> Seen:
        # Nothing quotes the address: a blank would begin the next field.
        address = _escaped(client.encode("utf-8", "replace")).replace(b" ", b"\\x20")
        return Seen(address or _DASH, b"", _escaped(referer), _escaped(user_agent))

    def line(self, entry: Entry, seen: Seen) -> bytes:
        asked = _DASH
        if entry.method:
            version = b"1.0" if entry.http_1_0 else b"1.1"
            asked = b"%b %b HTTP/%b" % (_escaped(entry.method), _escaped(entry.target), version)
        from_where = b' "%b" "%b"' % (seen.referer, seen.user_agent) if self._combined else b""
        return b'%b - - [%b] "%b" %d %b%b "%b" "%b"\n' % (
            seen.client,
            self._time(int(entry.at)),
            asked,
            entry.status,
            b"%d" % entry.size if entry.size else _DASH,
            from_where,
            _escaped(entry.verdict.flag.encode()),
            _escaped(entry.verdict.reason.encode()),
        )

    def _time(self, second: int) -> bytes:
        if second != self._second:
            self._second = second
            day = time.gmtime(second)
            month = _MONTHS[day.tm_mon - 1]
            clock = time.strftime("%Y:%H:%M:%S +0000", day)
            self._clock = f"{day.tm_mday:02}/{month}/{clock}".encode()
        return self._clock


def _quoted(text: str) -> bytes:
    return _encode(text).encode()


def _text(data: bytes | None) -> bytes:
    """Bytes that may be anything, as a JSON string; what is no UTF-8 shows as \\xHH."""
    return _quoted(data.decode("utf-8", "backslashreplace")) if data else _NULL


def _word(text: str) -> bytes:
    return _quoted(text) if text else _NULL


def _escaped(data: bytes | None) -> bytes:
    return _UNSAFE.sub(_hex, data) if data else _DASH


def _hex(found: re.Match[bytes]) -> bytes:
    return b"\\x%02X" % found[0][0]
