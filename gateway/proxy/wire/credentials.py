"""Taking named credentials out of a request's head, and nothing else of it.

As with holds, any reading counts that an app may have of a name: every ``Cookie`` line, other case,
odd blanks, quotes around the name, a percent-encoded one, cookies parted by commas or blanks as old
parsers do (``gateway.core.identity`` reads users so). What is left keeps its bytes and its order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Self
from urllib.parse import unquote_to_bytes

from gateway.core.flags import Strip
from gateway.core.identity import GAP, cookie_name, header_name

_BLANKS = b" \t\r\n\v\f\0"
_ODD = re.compile(rb'[,"\s]')
_OLD_VALUE = rb'(?:"(?:[^"\\]|\\.)*+"?|[^;,\s]*+)'


class Credentials:
    """What is taken out: cookies and headers whose names match these patterns."""

    __slots__ = ("_cookie", "_header", "_old_occurrence")

    def __init__(self, cookies: bytes, headers: bytes = rb"(?!)") -> None:
        self._header = re.compile(headers)
        self._cookie = re.compile(GAP + rb'"?' + GAP + cookies + GAP + rb'"?' + GAP)
        # What parts it from its neighbours stays, or they might join to what was taken out.
        self._old_occurrence = re.compile(
            rb'(?:\A|(?<=[,\s"]))' + GAP + cookies + rb'"?' + GAP + rb"=\s*+" + _OLD_VALUE,
            re.DOTALL,
        )

    @classmethod
    def named(cls, strips: Iterable[Strip]) -> Self:
        """Those of one flag's ``strip``, or of several."""
        strips = tuple(strips)
        return cls(
            _any_of(cookie_name(name) for strip in strips for name in strip.cookies),
            _any_of(header_name(name) for strip in strips for name in strip.headers),
        )

    def taken_out(self, head: bytes) -> bytes:
        """The lines of a head, each ended by CRLF, without the credentials."""
        lines = head.split(b"\r\n")
        return b"\r\n".join([kept for line in lines if (kept := self._line(line)) is not None])

    def _line(self, line: bytes) -> bytes | None:
        name, colon, value = line.partition(b":")
        if not colon:
            return line
        if self._header.fullmatch(name):
            return None
        if name.lower() != b"cookie":
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
        name = part.partition(b"=")[0]
        if self._cookie.fullmatch(name):
            return True
        return b"%" in name and self._cookie.fullmatch(unquote_to_bytes(name)) is not None

    def _without_old(self, part: bytes) -> bytes:
        if not _ODD.search(part.strip(_BLANKS)):
            return part
        return self._old_occurrence.sub(b"", part)


def _any_of(names: Iterable[bytes]) -> bytes:
    """A pattern of any of the names; of nothing where there are none."""
    return b"(?:" + (b"|".join(names) or rb"(?!)") + b")"


def _outer(part: bytes) -> bytes:
    return part[: len(part) - len(part.lstrip(_BLANKS))]
