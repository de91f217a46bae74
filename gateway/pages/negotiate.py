"""Which body a client gets: what its ``Accept`` asks for, by q-values (RFC 9110, 12.5.1).

The most specific range that covers a media type gives its quality. Between equals the one
named outright beats the one that only a wildcard covers, then the one named first, then
the usual one, then plain text: so a browser gets HTML, ``application/json, */*`` gets JSON, and
``*/*`` alone (curl, wget, images, scripts) gets text that reads well in a terminal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import IntEnum, StrEnum


class Media(StrEnum):
    """The forms a body comes in; the value is its ``Content-Type``."""

    PLAIN = "text/plain; charset=utf-8"
    HTML = "text/html; charset=utf-8"
    PROBLEM = "application/problem+json"


class _Match(IntEnum):
    """How closely a range names a media type."""

    ANY = 0
    TYPE = 1
    NAMED = 2


_QUALITY = re.compile(rb"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\Z")
_NAMED = {
    b"text/plain": Media.PLAIN,
    b"text/html": Media.HTML,
    b"application/xhtml+xml": Media.HTML,
    b"application/json": Media.PROBLEM,
}
_JSON = re.compile(rb"application/[^\s/*]+\+json\Z")


def negotiate(accept: bytes | None, usual: Media = Media.PLAIN) -> Media:
    """The media type for an ``Accept`` value as it came; ``None``: the client sent none.

    ``usual`` is what a client gets that does not tell one from another.

    Never fails: what cannot be read, or asks only for what we have not, gets the usual
    (RFC 9110 lets a server disregard the field rather than answer 406).
    """
    if not accept:
        return usual
    found: dict[Media, tuple[_Match, float, int]] = {}
    for position, (media_range, quality) in enumerate(ranges(accept)):
        for media, match in _covered(media_range):
            rank = (match, quality, -position)
            if media not in found or rank > found[media]:
                found[media] = rank
    wanted = [
        (quality, match, position if match is _Match.NAMED else 0, media is usual, media)
        for media, (match, quality, position) in found.items()
        if quality > 0
    ]
    # Media.PLAIN is "text/plain", the greatest of the three as a string.
    return max(wanted)[-1] if wanted else usual


def ranges(accept: bytes, most: int = -1) -> Iterator[tuple[bytes, float]]:
    """Each range, lower case, with its quality; malformed ones are left out.

    Media ranges and language ranges are alike in this. ``most``: of so many at the front.
    """
    for item in accept.split(b",", most)[: most if most > 0 else None]:
        media_range, *parameters = (part.strip(b" \t") for part in item.lower().split(b";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith(b"q="):
                if _QUALITY.match(parameter, 2) is None:
                    break
                quality = float(parameter[2:])
        else:
            yield media_range, quality


def _covered(media_range: bytes) -> Iterator[tuple[Media, _Match]]:
    """Our media types that a range covers, and how closely it names each."""
    match media_range:
        case b"*/*":
            yield from ((media, _Match.ANY) for media in Media)
        case b"text/*":
            yield from ((Media.PLAIN, _Match.TYPE), (Media.HTML, _Match.TYPE))
        case b"application/*":
            yield Media.PROBLEM, _Match.TYPE
        case _ if media_range in _NAMED:
            yield _NAMED[media_range], _Match.NAMED
        case _ if _JSON.match(media_range):
            yield Media.PROBLEM, _Match.NAMED
