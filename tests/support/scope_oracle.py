"""What apps might make of a request, spelled out naively: each step that some server takes, on
bytes, and every order of them. It shares no line with ``gateway.core``, and is in no hurry."""

from __future__ import annotations

from collections.abc import Callable, Iterable

Step = Callable[[bytes], bytes]
_HEX = b"0123456789abcdefABCDEF"


def unescaped(path: bytes, keep: bytes = b"") -> bytes:
    """Percent escapes undone, but for those of the bytes to keep."""
    out, i = bytearray(), 0
    while i < len(path):
        pair = path[i + 1 : i + 3]
        if path[i] == ord("%") and len(pair) == 2 and all(digit in _HEX for digit in pair):
            byte = int(pair, 16)
            out += path[i : i + 3] if byte in keep else bytes((byte,))
            i += 3
        else:
            out.append(path[i])
            i += 1
    return bytes(out)


def slashes_merged(path: bytes) -> bytes:
    while b"//" in path:
        path = path.replace(b"//", b"/")
    return path


def slashes_turned(path: bytes) -> bytes:
    return path.replace(b"\\", b"/")


def dots_resolved(path: bytes) -> bytes:
    kept: list[bytes] = []
    for segment in path.split(b"/")[1:]:
        if segment == b"..":
            kept = kept[:-1]
        elif segment != b".":
            kept.append(segment)
    return b"/" + b"/".join(kept)


def parameters_cut(path: bytes) -> bytes:
    return b"/".join(segment.split(b";")[0] for segment in path.split(b"/"))


def query_cut(path: bytes) -> bytes:
    return path.split(b"?")[0].split(b"#")[0]


def nul_cut(path: bytes) -> bytes:
    return path.split(b"\0")[0]


def ends_trimmed(path: bytes) -> bytes:
    """As Windows and ``$`` do: dots and controls at the end of a segment that has more."""
    segments = path.split(b"/")
    return b"/".join(
        segment if set(segment) <= set(b".") else segment.rstrip(b". \t\r\n\0\x7f") or segment
        for segment in segments
    )


def authority_cut(path: bytes) -> bytes:
    head, mark, rest = path.partition(b"://")
    if mark and head.isalnum():
        return b"/" + rest.partition(b"/")[2]
    return b"/" + path[2:].partition(b"/")[2] if path[:2] == b"//" else path


STEPS: tuple[Step, ...] = (
    slashes_merged,
    slashes_turned,
    dots_resolved,
    parameters_cut,
    query_cut,
    nul_cut,
    ends_trimmed,
)
DECODERS: tuple[Step, ...] = (unescaped, lambda path: unescaped(path, b"/\\"))


def paths(target: bytes) -> set[bytes]:
    """All that any order of the steps, with at most two decodings, makes of a target."""
    start = target.split(b"?")[0]
    found = _closed({start, authority_cut(start)})
    for _ in range(2):
        found = _closed(found | {decode(path) for path in found for decode in DECODERS})
    return found


def _closed(found: Iterable[bytes]) -> set[bytes]:
    done: set[bytes] = set()
    fresh = {path if path[:1] == b"/" else b"/" + path for path in found}
    while fresh:
        done |= fresh
        fresh = {_rooted(step(path)) for path in fresh for step in STEPS} - done
    return done


def _rooted(path: bytes) -> bytes:
    return path if path[:1] == b"/" else b"/" + path


def is_at(path: bytes, name: bytes) -> bool:
    """Whether a path is at ``/name`` or below, to an app without case that takes formats."""
    first, _, rest = path[1:].lower().partition(b"/")
    formats = (name + b".json", name + b".xml")
    return first == name or (not rest.strip(b"/") and first in formats)


def is_just_at(path: bytes, name: bytes) -> bool:
    """The same to an app that takes nothing for what it is not."""
    return path[1:].split(b"/")[0] == name


def cookies(lines: Iterable[bytes], name: bytes) -> set[bytes]:
    """The values that some parser of cookies takes for the one of that name: raw or undone."""
    lines = list(lines)
    found: set[bytes] = set()
    for text in {*lines, b"; ".join(lines), b",".join(lines), b", ".join(lines)}:
        for parts in (text.split(b";"), text.replace(b",", b";").split(b";")):
            for part in parts:
                key, mark, value = part.partition(b"=")
                if mark and key.strip().lower() == name:
                    found |= {value.strip(), value.strip().strip(b'"')}
    return {form for value in found for form in (value, unescaped(value)) if value}
