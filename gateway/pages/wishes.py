"""What a client would like to read: a form and a language, of the few that there are.

Theory of operation: fields are the client's choice and without end, wishes are few: one value for
each form and language. So answers are kept by wish, and what was read out of fields is remembered
within bounds.

``Accept`` alone does not tell a form. A script, a style sheet, an image or a font never gets
HTML: a browser names the destination of each request in ``Sec-Fetch-Dest``, and one that does
not, or is older, asks for those without naming ``text/html``. ``fetch()`` and XMLHttpRequest ask
for ``*/*`` unless told otherwise; who wrote them wrote a program, and gets what one can read.
The path is not looked at: what ends in ``.png`` may be a page, and says so by ``Accept``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.pages.languages import LANGUAGES, choose
from gateway.pages.negotiate import Media, negotiate
from gateway.pages.words import Words

# The fields that a wish is read from: an answer varies by them.
FIELDS = ("Accept", "Accept-Language", "Sec-Fetch-Dest")

# Fetch, 2.2.5: destinations whose answer somebody looks at, or a program reads.
_SHOWN = frozenset({b"", b"document", b"iframe", b"frame", b"fencedframe", b"embed", b"object"})
_PROGRAM = b"empty"

_ACCEPT, _LANGUAGE, _DESTINATION = (name.lower().encode() for name in FIELDS)
_LONGEST = 1024  # bytes of all; what is longer is read each time, 10 to 40 µs
_MOST = 2_048  # emptied when full, which costs a miss of 10 µs for each that was in use


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """One of the values in ``WISHES``: a cheap key, told apart by identity."""

    media: Media
    words: Words


WISHES = {(media, words): Wish(media, words) for media in Media for words in LANGUAGES}


class Wishes:
    """Reads wishes out of header fields, and remembers what it has read."""

    def __init__(self) -> None:
        self._read: dict[tuple[bytes, bytes, bytes], Wish] = {}

    def of(self, fields: Iterable[tuple[bytes, bytes]]) -> Wish:
        """The wish of a request with ``fields``; others than ``FIELDS`` are passed over."""
        said = {_ACCEPT: b"", _LANGUAGE: b"", _DESTINATION: b""}
        for name, value in fields:
            key = name.lower()
            if key in said:
                said[key] = b"%b, %b" % (said[key], value) if said[key] else value
        asked = (said[_ACCEPT], said[_LANGUAGE], said[_DESTINATION])
        wish = self._read.get(asked)
        if wish is None:
            wish = read_wish(*asked)
            if sum(map(len, asked)) <= _LONGEST:
                if len(self._read) >= _MOST:
                    self._read.clear()
                self._read[asked] = wish
        return wish


def read_wish(accept: bytes = b"", languages: bytes = b"", destination: bytes = b"") -> Wish:
    """What the three fields come to, each as it came. Never fails."""
    return WISHES[_media(accept, destination.strip().lower()), choose(languages)]


def _media(accept: bytes, destination: bytes) -> Media:
    if destination in _SHOWN:
        return negotiate(accept)
    if destination != _PROGRAM:
        return Media.PLAIN
    return negotiate(accept, usual=Media.PROBLEM)
