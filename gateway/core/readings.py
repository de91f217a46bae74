"""Readings: all that an app may make of a request's target.

The target goes on byte for byte, so what the app will make of it is unknown: app servers
differ in decoding, doubled slashes, dot segments, parameters and backslashes, and in the
order in which they undo them. So every reading is kept: the closure of the target under
all of these, decoded up to twice. A hold counts if any reading is in scope, an exemption
only if every one is.

Theory of operation: nearly every target is *plain*: nothing in it can be read in two ways,
and one expression tells so. Any other is worked out within a budget of characters, which
bounds time and memory whatever the client sends. A target with more readings than that is
``endless``: it is taken to be in every path scope and in no exemption.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from gateway.core.paths import fold

# What all readings of one request may add up to. 32 Ki characters are worked out in under
# 10 ms; a path of 200 characters that is odd in every way at once needs about half of it.
_BUDGET = 32_768
_COST = 64  # of a reading in itself, whatever its length

# Segments that are not empty and do not end in a dot; and no format suffix at the end.
_PLAIN = re.compile(
    rb"(?:/[A-Za-z0-9\-._~!$&'()*+,=:@]++(?<!\.))*+/?+(?<!\.(?i:json))(?<!\.(?i:xml))"
)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_AUTHORITY_ENDS = (re.compile(r"[/?#]"), re.compile(r"[/?#\\]"))
_CUT = re.compile(r"[?#\0]")
_PARAMETERS = re.compile(r";[^/]*+")
_SLASHES = re.compile(r"/{2,}")
# Windows and regular expressions that end in ``$`` overlook these at the end of a segment.
_TRAILING = re.compile(r"(?<=[^/.\x00-\x20\x7f])[.\x00-\x20\x7f]++(?=/|\Z)")
_KEPT_SLASHES = re.compile(r"%(?=2f|5c)", re.IGNORECASE)
_UNICODE_ESCAPE = re.compile(r"%u([0-9a-f]{4})", re.IGNORECASE)
_OVERLONG = re.compile(
    rb"[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]|\xf0[\x80-\x8f][\x80-\xbf]{2}"
)


class Readings(NamedTuple):
    """The paths that a request may be read to ask for, each beginning with a slash.

    ``folded`` are the same, one for one, with case folded. ``endless``: there are too many
    to tell. (A named tuple, since one is made for each request: 0.2 µs, where a frozen data
    class takes 0.6.)
    """

    exact: tuple[str, ...]
    folded: tuple[str, ...]
    endless: bool


def read_targets(target: bytes, others: Sequence[bytes] = ()) -> Readings:
    """The readings of a request's target, and of others that an app may take in its place."""
    path = target.partition(b"?")[0]
    if path and _PLAIN.fullmatch(path):
        # 0.9 µs; the way below takes 10 µs for the same.
        text = path.decode("ascii")
        if not others or all(other.partition(b"?")[0] == path for other in others):
            return Readings((text,), (text.lower(),), False)  # noqa: FBT003 a keyword costs 0.1 µs here
    texts, endless = _closure(start for one in (target, *others) for start in _starts(one))
    return Readings(tuple(texts), tuple(map(fold, texts)), endless=endless)


def _starts(target: bytes) -> list[str]:
    """A target's paths as they stand: without its query and whatever may be an authority."""
    found: list[str] = []
    for text in _texts(target):
        absolute = _ABSOLUTE.match(text)
        if not absolute:
            found.append(text)
        if absolute or text.startswith("//"):
            start = absolute.end() if absolute else 2
            found += [_after_authority(text, start, end) for end in _AUTHORITY_ENDS]
    return [_rooted(text.partition("?")[0]) for text in found]


def _after_authority(text: str, start: int, end: re.Pattern[str]) -> str:
    found = end.search(text, start)
    return text[found.start() :] if found else ""


def _rooted(path: str) -> str:
    return path if path.startswith("/") else "/" + path


def _closure(starts: Iterable[str]) -> tuple[dict[str, None], bool]:
    """All readings, and whether the budget ended before they did."""
    found: dict[str, None] = {}  # in the order found: the target as it stands comes first
    budget = _BUDGET
    fresh = list(starts)
    for decodings in range(3):
        budget = _close(found, fresh, budget)
        if budget < 0 or decodings == 2:
            break
        fresh = []
        for text in found:
            fresh += _decodings(text) if "%" in text else ()
            # What is over the budget already need not be decoded to its end.
            if len(fresh) > _BUDGET // _COST:
                return found, True
    return found, budget < 0


def _close(found: dict[str, None], fresh: list[str], budget: int) -> int:
    """Add ``fresh`` and every form of it to ``found``; what is left of the budget."""
    for text in fresh:  # it grows on the way
        if text in found:
            continue
        if found:  # the first reading is free: a long plain path is not odd
            budget -= len(text) + _COST
        if budget < 0:
            return budget
        found[text] = None
        fresh += [form(text) for form in _FORMS]
    return budget


def _slashed(path: str) -> str:
    return path.replace("\\", "/")


def _cut(path: str) -> str:
    found = _CUT.search(path)
    return _rooted(path[: found.start()]) if found else path


def _without_parameters(path: str) -> str:
    return _PARAMETERS.sub("", path) if ";" in path else path


def _single_slashes(path: str) -> str:
    return _SLASHES.sub("/", path) if "//" in path else path


def _trimmed(path: str) -> str:
    return _TRAILING.sub("", path)


def _resolved(path: str) -> str:
    """Dot segments resolved as RFC 3986 section 5.2.4 says."""
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)


_FORMS = (_slashed, _cut, _without_parameters, _single_slashes, _trimmed, _resolved)


def _decodings(text: str) -> set[str]:
    """One step of decoding, in every way that a decoder may go about it."""
    sources = {text, _KEPT_SLASHES.sub("%25", text)}
    if "%u" in text or "%U" in text:
        sources |= {_UNICODE_ESCAPE.sub(_escaped, source) for source in sources}
    return {
        _rooted(form)
        for source in sources
        for form in _texts(unquote_to_bytes(source.encode("utf-8", "surrogateescape")))
    }


def _texts(raw: bytes) -> list[str]:
    """Bytes as text: UTF-8, and where they are not, all that lenient decoders see.

    Bytes that are no UTF-8 are kept (as surrogates), so that what one step of decoding has
    cut in two the next may put together: half a character raw, half of it percent-encoded.
    """
    try:
        return [raw.decode()]
    except UnicodeDecodeError:
        lenient = _OVERLONG.sub(_shortest, raw)
        return [
            raw.decode("utf-8", "surrogateescape"),
            raw.decode("latin-1"),
            lenient.decode("utf-8", "surrogateescape"),
            lenient.decode("latin-1"),
        ]


def _escaped(escape: re.Match[str]) -> str:
    code = int(escape[1], 16)
    return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)


def _shortest(overlong: re.Match[bytes]) -> bytes:
    lead, *rest = overlong[0]
    value = lead & (0x3F >> len(rest))
    for byte in rest:
        value = value << 6 | byte & 0x3F
    return chr(value).encode("utf-8", "surrogatepass")
