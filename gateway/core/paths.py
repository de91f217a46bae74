"""Patterns of paths and hosts, compiled once when the configuration is read.

A pattern answers two questions about one *reading* of a request (see ``readings``): does
it count for a hold (``generous``), and does it count for an exemption (``strict``). The two
differ only where apps differ: in case, a trailing slash, and a format suffix such as ``.json``.
To most apps ``/Help`` is not ``/help`` but whatever their last route makes of it, so an exemption
is of the case that it is written in.

Theory of operation: a glob becomes one regular expression that needs no backtracking over
what the client sent. Between two ``**`` the earliest match is always as good as any later
one, so each stretch is an atomic group; a path of n bytes costs O(n) for each stretch. A
pattern of the ``~`` form is the operator's own expression and costs what it costs.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_to_bytes

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()+,=:@")
_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_END = r"(?=/|\Z)"
# Rails takes ``/search.json`` for ``/search``; other suffixes (``.do``) are other pages.
_FORMATS = r"(?i:\.(?:json|xml))"
_HOST = re.compile(r"[a-z0-9_*-]+(?:\.[a-z0-9_*-]+)*|\[[0-9a-f:.]+\]")


class PatternError(ValueError):
    """A pattern that cannot stand; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class PathPattern:
    """One path pattern. Equal if written the same; compile it with ``compile_path``.

    ``folds`` says that ``generous`` wants a case-folded reading; ``strict`` wants it as it came.
    ``prefix`` is the folded literal beginning (whole segments, ``""`` for none) that every reading
    in scope has, or ``None`` for a regular expression, of which nothing is known.
    """

    text: str
    case_sensitive: bool
    generous: Callable[[str], object] = field(compare=False, repr=False)
    strict: Callable[[str], object] = field(compare=False, repr=False)
    folds: bool = field(compare=False, repr=False)
    prefix: str | None = field(compare=False, repr=False)

    def __str__(self) -> str:
        return self.text

    def holds(self, reading: str) -> bool:
        """Whether one reading, folded if the pattern folds, is in scope."""
        return self.generous(reading) is not None


@dataclass(frozen=True, slots=True)
class HostPattern:
    """One host pattern. ``*.`` at the start stands for one or more labels.

    ``key`` is the host, or for ``*.b.c`` the domain ``.b.c``, that every host meant has;
    ``""`` where other wildcards leave that open.
    """

    text: str
    key: str = field(compare=False, repr=False)
    expression: re.Pattern[str] = field(compare=False, repr=False)

    def __str__(self) -> str:
        return self.text

    def matches(self, host: str) -> bool:
        """Whether ``host`` (lower case, no port, no final dot) is meant."""
        return self.expression.fullmatch(host) is not None


def compile_path(text: str, *, case_sensitive: bool = False) -> PathPattern:
    """Compile ``/x``, ``/a/*/b/**``, ``= /x`` or ``~ regex``; raises ``PatternError``.

    ``?`` and ``[`` are plain characters. A ``?`` after which a ``=`` or ``&`` comes starts a
    query, which no path has: that is an error. ``%C3%A9`` and ``é`` mean the same.
    """
    written = text.strip()
    if written.startswith("~"):
        return _regular_expression(text, written[1:].strip(), case_sensitive=case_sensitive)
    exact = written.startswith("=")
    body = written[1:].strip() if exact else written
    _refuse_what_no_path_has(body)
    return _glob(text, _decoded(body), case_sensitive=case_sensitive, exact=exact)


def compile_host(text: str) -> HostPattern:
    """Compile ``example.com`` or ``*.example.com``; raises ``PatternError``."""
    host = text.strip().rstrip(".").lower()
    try:
        host = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise PatternError(f'"{text}" is not a host name') from error
    if _HOST.fullmatch(host) is None:
        raise PatternError(f'"{text}" is not a host name (no scheme, port, or path; "*." may lead)')
    leading, rest = ("*", host[1:]) if host == "*" or host.startswith("*.") else ("", host)
    expression = (".+" if rest else ".*") if leading else ""
    expression += re.escape(rest).replace(r"\*", "[^.]*")
    return HostPattern(text, "" if "*" in rest else rest, re.compile(expression, re.DOTALL))


def fold(text: str) -> str:
    """The form in which texts that differ in case alone are equal."""
    return text.casefold()


def _refuse_what_no_path_has(body: str) -> None:
    if not body.startswith("/"):
        raise PatternError('must start with "/"')
    if body.startswith("//"):
        raise PatternError('must not name a host ("//" at the start): use hosts for that')
    if _CONTROL.search(body):
        raise PatternError("must not hold control characters")
    query = body.partition("?")[2]
    if "=" in query or "&" in query:
        raise PatternError('must not have a query ("?" and what follows)')
    segments = unquote_to_bytes(body).decode("utf-8", "replace").split("/")
    if "." in segments or ".." in segments:
        raise PatternError('must not have dot segments ("." or "..")')


def _decoded(body: str) -> str:
    """Percent escapes as the characters they stand for, but for those with a meaning."""

    def character(found: re.Match[str]) -> str:
        try:
            text = unquote_to_bytes(found[0]).decode()
        except UnicodeDecodeError:
            return found[0]
        return found[0] if _CONTROL.search(text) or set(text) & set("/\\%*?#;") else text

    return _ESCAPES.sub(character, body)


def _regular_expression(text: str, source: str, *, case_sensitive: bool) -> PathPattern:
    if not source:
        raise PatternError('a regular expression must follow "~"')
    try:
        strict = re.compile(source).search
        generous = strict if case_sensitive else re.compile(source, re.IGNORECASE).search
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(f"is not a regular expression: {error}") from error
    return PathPattern(text, case_sensitive, generous, strict, folds=False, prefix=None)


def _glob(text: str, body: str, *, case_sensitive: bool, exact: bool) -> PathPattern:
    segments = [segment for segment in body.split("/") if segment]
    slash = "/" if body.endswith("/") else ""
    while segments and segments[-1] == "**":
        segments.pop()
        exact, slash = False, ""
    literal = bool(segments) and "*" not in segments[-1]
    held = segments if case_sensitive else [fold(segment) for segment in segments]
    return PathPattern(
        text,
        case_sensitive,
        generous=_expression(held, _generous_end(exact=exact, literal=literal), exact=exact).match,
        strict=_expression(segments, _strict_end(slash, exact=exact), exact=exact).match,
        folds=not case_sensitive,
        prefix=_literal_prefix(segments),
    )


def _generous_end(*, exact: bool, literal: bool) -> str:
    """Whether a slash or a format follows is the app's affair."""
    alone = rf"{_FORMATS}?/*\Z" if literal else r"/*\Z"
    return alone if exact else rf"(?:{_END}|{alone})"


def _strict_end(slash: str, *, exact: bool) -> str:
    """As written: ``/x/`` is not ``/x``."""
    if exact:
        return rf"{slash}\Z"
    return slash or _END


def _expression(segments: list[str], end: str, *, exact: bool) -> re.Pattern[str]:
    """The stretches between ``**``: the first is anchored, the others float."""
    stretches = [""]
    for segment in segments:
        if segment == "**":
            stretches.append("")
        else:
            stretches[-1] += "/" + _segment(segment)
    first, *floating = stretches
    final = floating.pop() if floating else None
    source = first + "".join(rf"(?>(?:/[^/]*+)*?{stretch}{_END})" for stretch in floating)
    if final is not None:
        # What an exact pattern ends with must be the path's end: the last match, not the first.
        source += rf"(?:/[^/]*+)*{'' if exact else '?'}{final}"
    return re.compile(source + end, re.DOTALL)


def _segment(segment: str) -> str:
    if segment.strip("*") == "":
        return "[^/]++"
    first, *pieces = re.split(r"\*+", segment)
    if not pieces:
        return _literal(first)
    *middle, final = pieces
    floating = "".join(f"(?>[^/]*?{_literal(piece)})" for piece in middle)
    return _literal(first) + floating + (f"[^/]*{_literal(final)}{_END}" if final else "[^/]*+")


def _literal(text: str) -> str:
    return "".join(map(_character, text))


def _character(character: str) -> str:
    """A character that clients percent-encode counts in that form too: an exemption for
    ``/café`` must have the raw reading ``/caf%C3%A9`` in it, or it would never apply."""
    if character in _PLAIN:
        return re.escape(character)
    return f"(?:{re.escape(character)}|(?i:{re.escape(quote(character, safe=''))}))"


def _literal_prefix(segments: list[str]) -> str:
    prefix = ""
    for segment in segments:
        if not _PLAIN.issuperset(segment):
            break
        prefix += "/" + fold(segment)
    return prefix
