"""Who a request is from: every name that an app may read in it, and the sticky rollout.

Apps differ in which of several cookies they take, in decoding and in quotes, so every
occurrence in every decoding counts for a hold, and an exempt user is one only if no
occurrence says anything else. All sources of a flag count: which of them the app believes
is unknown. A source without a value, or with an empty one, says nothing.

What servers and frameworks read is measured (docs/scope.md). WSGI servers and Node make one value
of a field's lines; nginx parts cookies at commas too and knows no case in their names; Python's
``strip`` takes a raw 0x85 or 0xA0 for a blank; Express's cookie-parser reads ``j:"bob"`` as JSON.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from urllib.parse import quote, quote_plus, unquote, unquote_to_bytes

from gateway.core.flags import IdentitySource

_PLAIN = re.compile(rb"(?![js]:)[A-Za-z0-9_.@:\-]+")
# What only some parsers take for the end of a cookie, or for a quoted one.
_ODD_COOKIES = re.compile(rb'[,"]|(?<!;)\s')
_QUOTED_VALUE = rb'("(?:[^"\\]|\\.)*+"?)'
_QUOTED = re.compile(rb'\s*"((?:[^"\\]|\\.)*+)"?', re.DOTALL)
_QUOTED_PAIR = re.compile(rb"\\([0-3][0-7]{2}|.)", re.DOTALL)
_BLANKS = b" \t\r\n\v\f\0"
_BLANK_CHARACTERS = _BLANKS.decode()
# What ``strip`` of Python and ``trim`` of JavaScript take off besides; the same in Latin-1, UTF-8.
_ALL_BLANKS = "\0\ufeff" + "".join(filter(str.isspace, map(chr, range(0x3001))))
_LONG_BLANKS = b"|".join(one.encode() for one in _ALL_BLANKS if one > "\x7f")
# What may stand around a cookie's name.
GAP = rb"[\s\x85\xa0]*+(?:(?:" + _LONG_BLANKS + rb")[\s\x85\xa0]*+)*+"
# Between the lines of one field: Node's for cookies, gunicorn's, waitress's.
_JOINTS = (b"; ", b",", b", ")
# PHP's names of variables have an underscore where a cookie's has one of these.
_LIKE_UNDERSCORE = rb"[_.\[ ]"
_WHOLE = 1 << 64


@dataclass(frozen=True, slots=True, eq=False)
class UserReader:
    """An identity source made ready to read. Compared by identity: one for each source."""

    source: IdentitySource
    name: re.Pattern[bytes]
    occurrence: re.Pattern[bytes]
    old_occurrences: tuple[re.Pattern[bytes], ...]

    def read(self, fields: Sequence[tuple[bytes, bytes]]) -> frozenset[str]:
        """Every reading of the user that the source yields; empty if it yields none."""
        cookie = self.source.place == "cookie"
        found = self._cookies(fields) if cookie else self._headers(fields)
        if len(found) == 1:
            (value,) = found
            if _PLAIN.fullmatch(value):
                return frozenset((value.decode("ascii"),))
        return frozenset(user for value in found for user in _forms(value) if user)

    def _cookies(self, fields: Sequence[tuple[bytes, bytes]]) -> set[bytes]:
        found: set[bytes] = set()
        lines = [line for name, line in fields if len(name) == 6 and name.lower() == b"cookie"]
        for line in _joined(lines, _JOINTS):
            found.update(self.occurrence.findall(line))
            if _ODD_COOKIES.search(line):
                for old in self.old_occurrences:
                    found.update(old.findall(line))
            if b"%" in line:
                found.update(_encoded_occurrences(self.name, line))
        return found

    def _headers(self, fields: Sequence[tuple[bytes, bytes]]) -> set[bytes]:
        """The header's values in all its lines, whole and (as a list) in part."""
        length = len(self.source.name)
        lines = [
            value for name, value in fields if len(name) == length and self.name.fullmatch(name)
        ]
        found = {value.strip() for value in _joined(lines, _JOINTS[1:])}
        for value in lines:
            if b"," in value:
                found.update(part.strip() for part in value.split(b","))
        return found


def compile_source(source: IdentitySource) -> UserReader:
    """No name has a case everywhere, nor can many app servers tell ``X-User`` from ``X_User``."""
    name = cookie_name(source.name) if source.place == "cookie" else header_name(source.name)
    return UserReader(
        source,
        re.compile(GAP + name + GAP),
        occurrence=re.compile(rb"(?:\A|[;,])" + GAP + name + GAP + rb"=\s*+([^;]*+)"),
        # Old parsers part cookies at commas and blanks, and see a quoted value to its end:
        # those readings are added to the others, not taken instead.
        old_occurrences=tuple(
            re.compile(rb"(?:\A|(?<=[;,\s]))" + name + rb"\s*+=\s*+" + value, re.DOTALL)
            for value in (rb'(?!"(?:[^"\\]|\\.)*+")([^;,\s]*+)', rb'("[^";,\s]*+")', _QUOTED_VALUE)
        ),
    )


def cookie_name(name: str) -> bytes:
    """A pattern of what apps take for the cookie's name."""
    return b"(?i:" + re.escape(name.encode()).replace(b"_", _LIKE_UNDERSCORE) + b")"


def header_name(name: str) -> bytes:
    """A pattern of what apps take for the header's name."""
    return b"(?i:" + re.sub(rb"\\-|_", b"[_-]", re.escape(name.encode())) + b")"


def exempt_forms(users: Iterable[str]) -> frozenset[str]:
    """The users with the ways in which clients encode them.

    Every reading of an exempt user must be exempt; the raw one of ``a%40b.org`` is so too.
    """
    found = set()
    for user in users:
        found |= {user, quote(user, safe=""), quote(user), quote_plus(user), f'"{user}"'}
        found |= {quote(user, safe="@:/"), user.encode("utf-8", "surrogatepass").decode("latin-1")}
    return frozenset(found)


def rollout_threshold(percentage: float) -> int:
    """The place, of 2**64, below which a user is in a rollout of 0 to 100 per cent."""
    return math.ceil(percentage / 100 * _WHOLE)


def rollout_place(flag: str, user: str) -> int:
    """Where a user stands in a flag's rollout: the same for ever, 0 to 2**64 - 1.

    It depends on nothing else, so a greater percentage only adds users; and on the flag,
    so that it is not always the same users who are first.
    """
    text = f"{flag}\0{user}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


def _joined(lines: list[bytes], joints: Sequence[bytes]) -> list[bytes]:
    """A field's lines, and what servers make of several."""
    return lines if len(lines) < 2 else [*lines, *(joint.join(lines) for joint in joints)]


def _encoded_occurrences(wanted: re.Pattern[bytes], line: bytes) -> set[bytes]:
    """Values of cookies whose percent-encoded name some app servers decode."""
    found = set()
    for part in line.split(b";"):
        name, _, value = part.partition(b"=")
        if b"%" in name and wanted.fullmatch(unquote_to_bytes(name)):
            found.add(value)
    return found


def _forms(value: bytes) -> set[str]:
    """A value raw, percent-decoded, with plus signs as blanks, with quotes and without."""
    if not value.strip(_BLANKS + b'"'):
        return set()
    found = set(_unquoted(value))
    texts: set[str] = set()
    if b"%" in value or b"+" in value:
        for bare in tuple(found):
            for source in (bare, bare.replace(b"+", b" ")):
                found.update(_unquoted(unquote_to_bytes(source)))
            # Node reads raw bytes as Latin-1, and percent-encoded ones as UTF-8.
            texts.add(unquote(bare.decode("latin-1")))
    texts.update(text for raw in found for text in _texts(raw))
    if b":" in value or b"%" in value:
        texts.update([form for text in texts for form in _parsed(text)])
    return {text.strip(blanks) for text in texts for blanks in (_BLANK_CHARACTERS, _ALL_BLANKS)}


def _parsed(text: str) -> tuple[str, ...]:
    """What cookie-parser makes of a signed value, ``s:VALUE.SIGNATURE``, and of ``j:JSON``."""
    if text.startswith("s:"):
        return (text[2:].rpartition(".")[0],)
    if not text.startswith("j:"):
        return ()
    try:
        value = json.loads(text[2:])
        while isinstance(value, list) and len(value) == 1:
            value = value[0]  # JavaScript's text of a list of one
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        parsed = value if isinstance(value, str) else json.dumps(value)
    except (ValueError, RecursionError):
        return ()
    return (parsed.encode("utf-8", "replace").decode(),)  # no half of a surrogate pair


def _texts(raw: bytes) -> tuple[str, str]:
    """UTF-8 as browsers send it; Latin-1 as WSGI and many frameworks read it."""
    return raw.decode("utf-8", "replace"), raw.decode("latin-1")


def _unquoted(value: bytes) -> tuple[bytes, ...]:
    found = _QUOTED.match(value)
    return (value, _QUOTED_PAIR.sub(_pair, found[1])) if found else (value,)


def _pair(found: re.Match[bytes]) -> bytes:
    """What a backslash in a quoted value stands for: a byte, or an octal code of one."""
    return bytes((int(found[1], 8),)) if len(found[1]) == 3 else found[1]
