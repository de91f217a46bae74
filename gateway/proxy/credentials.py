"""Taking named credentials out of a request's head, and nothing else of it.

As with holds, any reading counts that an app may have of a name: every ``Cookie`` line, odd
blanks, quotes around the name, a percent-encoded one, cookies parted by commas or blanks as old
parsers do (``gateway.core.identity`` reads users so). What is left keeps its bytes and its order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from gateway.core.flags import Strip

_BLANKS = b" \t\r\n\v\f\0"
_ODD = re.compile(rb'[,"\s]')


class Credentials:
    """What is taken out: the names of one flag's ``strip``, or of several."""

    __slots__ = ("_cookies", "_headers", "_old_occurrence")

    def __init__(self, strips: Iterable[Strip]) -> None:
        strips = tuple(strips)
        cookies = [name.encode() for strip in strips for name in strip.cookies]
        headers = [name.encode() for strip in strips for name in strip.headers]
        self._cookies = frozenset(cookies)
        self._headers = frozenset(_folded(name) for name in headers)
        names = b"|".join(sorted(map(re.escape, cookies), reverse=True))
        # What parts it from its neighbours stays, or they might join to what was taken out.
        self._old_occurrence = re.compile(
            rb'(?:\A|(?<=[,\s"]))(?:' + names + rb')"?\s*+=\s*+(?:"(?:[^"\\]|\\.)*+"?|[^;,\s]*+)',
            re.DOTALL,
        )

    def taken_out(self, head: bytes) -> bytes:
        """The lines of a head, each ended by CRLF, without the credentials."""
        lines = head.split(b"\r\n")
        return b"\r\n".join([kept for line in lines if (kept := self._line(line)) is not None])

    def _line(self, line: bytes) -> bytes | None:
        name, colon, value = line.partition(b":")
        if not colon:
            return line
        if _folded(name) in self._headers:
            return None
        if not self._cookies or name.lower() != b"cookie":
            return line
        left = self._cookie_line(value)
        return None if not left.strip(_BLANKS + b";") else name + colon + left

    def _cookie_line(self, value: bytes) -> bytes:
        parts = value.split(b";")
        kept = [self._without_old(part) for part in parts if not self._is_named(part)]
        if len(kept) < len(parts) and kept:
            # What comes first now stands where the first one did.
            kept[0] = _outer(parts[0]) + kept[0].lstrip(_BLANKS)
        return b";".join(kept)

    def _is_named(self, part: bytes) -> bool:
        name = part.partition(b"=")[0].strip(_BLANKS).strip(b'"').strip(_BLANKS)
        if name in self._cookies:
            return True
        return b"%" in name and unquote_to_bytes(name).strip(_BLANKS) in self._cookies

    def _without_old(self, part: bytes) -> bytes:
        if not self._cookies or not _ODD.search(part.strip(_BLANKS)):
            return part
        return self._old_occurrence.sub(b"", part)


def _folded(name: bytes) -> bytes:
    return name.strip(_BLANKS).lower().replace(b"_", b"-")


def _outer(part: bytes) -> bytes:
    return part[: len(part) - len(part.lstrip(_BLANKS))]
