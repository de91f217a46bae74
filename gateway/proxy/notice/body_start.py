"""Where the body of an HTML page starts, found in its bytes as they come.

Theory of operation. The tokens of HTML up to the body are told apart as browsers do (WHATWG HTML,
section 13.2.5): tags with quoted values, comments, doctypes, and elements whose content is text,
where a ``<body>`` is none. What has been read goes on at once; held back is only the token that is
not whole. The place is after the ``<body>`` tag, or before the first thing that opens a body
without one, which HTML allows. A piece of HTML that is no document (no doctype, ``<html>``,
``<head>`` or ``<body>``) has no such place: scripts fetch such pieces into pages.

Any encoding in which ``<`` and the letters are those of ASCII will do; where a byte shows another
(NUL in UTF-16, ESC in ISO-2022), the page is left alone.
"""

from __future__ import annotations

import re
from enum import StrEnum

MOST = (
    262_144  # bytes of a page that are looked at; a head with styles and scripts in it has 100 KB
)


class Outcome(StrEnum):
    """What came of the search."""

    SHOWN = "shown"
    NO_DOCUMENT = "no_document"
    NO_BODY = "no_body"
    TOO_LONG = "too_long"
    OTHER_CHARSET = "charset"


_SPACE = rb"[\t\n\f\r ]"
# A quote opens a value only after "="; elsewhere it is a part of a name. Possessive throughout: a
# tag that is not whole matches nothing, rather than something shorter.
_VALUE = rb"(?:\"[^\"]*+\"|'[^']*+'|[^\"'\t\n\f\r >][^\t\n\f\r >]*+|(?=>))"
_ATTRIBUTE = (
    rb"(?:[^\t\n\f\r />][^\t\n\f\r />=]*+(?:(?=%b*+=)%b*+=%b*+" % (_SPACE, _SPACE, _SPACE)
    + _VALUE
    + rb"|(?!%b*+=)))" % _SPACE
)
_TAG = re.compile(
    rb"<(?P<end>/)?+(?P<name>[A-Za-z][^\t\n\f\r />]*+)(?:[\t\n\f\r /]|" + _ATTRIBUTE + rb")*+>"
)
# Between tags, where it opens no body: blanks, the mark of UTF-8, doctypes, and what browsers
# take for a comment.
_PASSED = re.compile(
    rb"[\t\n\f\r ]++|\xef\xbb\xbf|<!(?!--)[^>]*+>|<!--(?:-?>)|<\?[^>]*+>|</[^A-Za-z>][^>]*+>|</>"
)
_COMMENT = re.compile(rb"<!--(?=[^>-]|-[^>])")
_DOCTYPE = re.compile(rb"(?i)<!doctype[\t\n\f\r >]")
# The start of a token of which more may come.
_UNFINISHED = re.compile(rb"<(?:[A-Za-z!?/]|\Z)|\xef(?:\xbb)?\Z")
_TEXT = re.compile(rb"<?+[^<]*+")
_COMMENT_END = re.compile(rb"--!?>")
_SCRIPT = re.compile(rb"(?i)<!--|-->|<(/?)script(?=[\t\n\f\r />])")
_NO_TEXT = re.compile(rb"[\0\x1b]")
_TAIL = 16  # bytes: longer than any end of an element of text, with the byte after it

_TEXT_ELEMENTS = {
    name: re.compile(rb"(?i)</%b(?=[\t\n\f\r />])" % name)
    for name in b"title style noscript noframes textarea xmp iframe noembed".split()
}
_IN_HEAD = frozenset((b"base", b"basefont", b"bgsound", b"link", b"meta", b"title", b"style"))
_IN_HEAD |= {b"noscript", b"noframes", b"script", b"template"}
_OPENING_ENDS = frozenset((b"body", b"html", b"br"))


class BodyStart:
    """Puts ``insertion`` where the body starts. ``outcome`` is None while that is looked for."""

    __slots__ = (
        "_document",
        "_escaped",
        "_held",
        "_insertion",
        "_room",
        "_templates",
        "_within",
        "outcome",
    )

    def __init__(self, insertion: bytes) -> None:
        self._insertion = insertion
        self._held = b""
        self._room = MOST  # bytes that may still be looked at
        self._document = False
        self._within: re.Pattern[bytes] | None = None  # the end of a text element or a comment
        self._escaped = 0  # within a script: 1 in a comment, 2 in a script in a comment
        self._templates = 0  # within so many
        self.outcome: Outcome | None = None

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes of the page; return what can go on."""
        if self.outcome is not None:
            return data
        held, data = len(self._held), self._held + data
        if held > _TAIL and self._within is None and data.find(b">", held) < 0:
            position = 0  # a tag that is still not whole: not looked at byte by byte
        else:
            position = self._look(data[: self._room])
        if _NO_TEXT.search(data, 0, position):
            self.outcome = Outcome.OTHER_CHARSET
        elif self.outcome is None and len(data) > self._room:
            self.outcome = Outcome.TOO_LONG
        if self.outcome is None:
            self._room -= position
            self._held = data[position:]
            return data[:position]
        self._held = b""
        if self.outcome is Outcome.SHOWN:
            return b"%b%b%b" % (data[:position], self._insertion, data[position:])
        return data

    def finish(self) -> bytes:
        """The page has ended: what was held back."""
        self.outcome = self.outcome or Outcome.NO_BODY
        left, self._held = self._held, b""
        return left

    def _look(self, data: bytes) -> int:
        """Read tokens; return where the outcome is, or else what is not whole begins."""
        position = 0
        while self.outcome is None:
            after = self._pass_text(data, position) if self._within else self._token(data, position)
            if after < 0:
                return ~after
            position = after
        return position

    # Each returns where it has read to; ~position where it cannot go on from there.

    def _pass_text(self, data: bytes, position: int) -> int:
        """Within a comment, or an element that holds text alone: on to its end."""
        within = self._within
        assert within is not None  # noqa: S101 it is why this is called
        if within is _SCRIPT:
            return self._pass_script(data, position)
        found = within.search(data, position)
        if found is None:
            return ~max(position, len(data) - _TAIL)
        self._within = None
        return found.end() if within is _COMMENT_END else found.start()

    def _pass_script(self, data: bytes, position: int) -> int:
        """A script in a comment in a script ends that, and not the outer one (13.2.5.18)."""
        while found := _SCRIPT.search(data, position):
            if found[0] == b"<!--":
                self._escaped = self._escaped or 1
                position = found.start() + 2  # its hyphens may be those of its end
            elif found[0] == b"-->":
                self._escaped = 0
                position = found.end()
            elif not found[1]:
                self._escaped = 2 if self._escaped else 0
                position = found.end()
            elif self._escaped == 2:
                self._escaped = 1
                position = found.end()
            else:
                self._within = None
                return found.start()
        return ~max(position, len(data) - _TAIL)

    def _token(self, data: bytes, position: int) -> int:
        if found := _PASSED.match(data, position):
            self._document |= _DOCTYPE.match(data, position) is not None
            return found.end()
        if found := _TAG.match(data, position):
            return self._end_tag(found) if found["end"] else self._start_tag(found)
        if found := _COMMENT.match(data, position):
            self._within = _COMMENT_END
            return found.end()
        if position == len(data) or _UNFINISHED.match(data, position):
            return ~position
        if self._templates and (found := _TEXT.match(data, position)):
            return found.end()
        return self._opened(position)

    def _start_tag(self, tag: re.Match[bytes]) -> int:
        name = tag["name"].lower()
        if self._templates:
            self._templates += name == b"template"
        elif name in {b"html", b"head"}:
            self._document = True
        elif name == b"body":
            self.outcome = Outcome.SHOWN
        elif name == b"frameset":
            self.outcome = Outcome.NO_BODY
        elif name not in _IN_HEAD:
            return self._opened(tag.start())
        elif name == b"template":
            self._templates = 1
        if self.outcome is None:
            self._within = _SCRIPT if name == b"script" else _TEXT_ELEMENTS.get(name)
            self._escaped = 0
        return tag.end()

    def _end_tag(self, tag: re.Match[bytes]) -> int:
        name = tag["name"].lower()
        if self._templates:
            self._templates -= name == b"template"
        elif name in _OPENING_ENDS:
            return self._opened(tag.start())
        return tag.end()

    def _opened(self, position: int) -> int:
        """Here a body starts without its tag."""
        self.outcome = Outcome.SHOWN if self._document else Outcome.NO_DOCUMENT
        return position
