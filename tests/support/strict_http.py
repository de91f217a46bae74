"""HTTP/1.1 read by somebody who forgives nothing: for judging what the gateway has written.

It shares no line with the gateway's own grammar. What is not spelled in the one way that every
reader reads alike is no message here, though RFC 9112 may let a recipient take it.
"""

from __future__ import annotations

import string
from dataclasses import dataclass

_TOKEN = set((string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~").encode())
_HEX = set(b"0123456789abcdef")
_FRAMING = {b"content-length", b"transfer-encoding"}


class UnspelledError(Exception):
    """Bytes that are no message, whatever follows them."""


@dataclass(frozen=True, slots=True)
class Spelled:
    """One message: its first line, its fields (names in lower case), its payload."""

    line: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def all(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.fields if key == name]

    @property
    def status(self) -> int:
        return int(self.line.split(b" ")[1])


def read_request(data: bytes) -> tuple[Spelled, bytes] | None:
    """The first request and what follows it; None: it is not whole yet."""
    found = _head(data)
    if found is None:
        return None
    line, fields, rest = found
    method, target, version = _parts(line)
    if version != b"HTTP/1.1" or not method.isalpha() or not method.isupper():
        raise UnspelledError(f"no request line: {line!r}")
    if b"#" in target or not (target[:1] == b"/" or (method, target) == (b"OPTIONS", b"*")):
        raise UnspelledError(f"no target: {target!r}")
    request = Spelled(line, fields, b"")
    _judge_request_fields(request)
    return _with_body(request, rest, closed=False)


def read_answer(data: bytes, *, bodyless: bool = False, closed: bool) -> tuple[Spelled, bytes]:
    """The first answer and what follows it. ``closed``: nothing will come after ``data``."""
    found = _head(data)
    if found is None:
        raise UnspelledError(f"no whole head: {data[:80]!r}")
    line, fields, rest = found
    version, status, _ = _parts(line)
    if version != b"HTTP/1.1" or len(status) != 3 or not status.isdigit():
        raise UnspelledError(f"no status line: {line!r}")
    answer = Spelled(line, fields, b"")
    if status in {b"204", b"304"} or status[:1] == b"1" or bodyless:
        return answer, rest
    _judge_framing(answer)
    whole = _with_body(answer, rest, closed=closed)
    if whole is None:
        raise UnspelledError("the answer is cut")
    return whole


def _parts(line: bytes) -> tuple[bytes, bytes, bytes]:
    first, _, rest = line.partition(b" ")
    second, blank, third = rest.partition(b" ")
    if not (first and second and blank):
        raise UnspelledError(f"no three parts: {line!r}")
    return first, second, third


def _head(data: bytes) -> tuple[bytes, tuple[tuple[bytes, bytes], ...], bytes] | None:
    head, end, rest = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    if end:
        for line in lines:
            if any((byte < 32 and byte != 9) or byte == 127 for byte in line):
                raise UnspelledError(f"a control in a line: {line!r}")
        return lines[0], tuple(map(_field, lines[1:])), rest
    return None


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not (name and colon and _TOKEN.issuperset(name)):
        raise UnspelledError(f"no field: {line!r}")
    return name.lower(), value.strip(b" \t")


def _judge_request_fields(request: Spelled) -> None:
    for name, value in request.fields:
        twin = name.replace(b"_", b"-")
        if twin != name and twin in _FRAMING | {b"host", b"connection", b"upgrade"}:
            raise UnspelledError(f"{name!r} is {twin!r} to a WSGI app")
        if name in {b"trailer", b"keep-alive", b"proxy-connection", b"http2-settings"}:
            raise UnspelledError(f"{name!r} is for one hop")
        if name == b"te" and value != b"trailers":
            raise UnspelledError(f"TE: {value!r}")
    if len(request.all(b"host")) != 1 or not request.all(b"host")[0]:
        raise UnspelledError("not one Host")
    hop = (request.all(b"connection"), request.all(b"upgrade"))
    if hop not in [([], []), ([b"Upgrade"], [b"websocket"])]:
        raise UnspelledError(f"Connection and Upgrade are {hop!r}")
    _judge_framing(request)


def _judge_framing(message: Spelled) -> None:
    lengths, codings = message.all(b"content-length"), message.all(b"transfer-encoding")
    if len(lengths) + len(codings) > 1:
        raise UnspelledError(f"framed by {lengths!r} and {codings!r}")
    if not all(b"0" <= length[:1] <= b"9" and length.isdigit() for length in lengths):
        raise UnspelledError(f"a length of {lengths!r}")
    if codings not in ([], [b"chunked"]):
        raise UnspelledError(f"a coding of {codings!r}")


def _with_body(message: Spelled, rest: bytes, *, closed: bool) -> tuple[Spelled, bytes] | None:
    if message.all(b"transfer-encoding"):
        return _with_chunks(message, rest)
    if lengths := message.all(b"content-length"):
        size = int(lengths[0])
        if len(rest) < size:
            return None
        return Spelled(message.line, message.fields, rest[:size]), rest[size:]
    if message.line.startswith(b"HTTP/"):
        return (Spelled(message.line, message.fields, rest), b"") if closed else None
    return message, rest


def _with_chunks(message: Spelled, rest: bytes) -> tuple[Spelled, bytes] | None:
    body = b""
    while True:
        line, end, after = rest.partition(b"\r\n")
        digits = line if end else line.removesuffix(b"\r")
        if not _HEX.issuperset(digits) or len(digits) > 16 or (end and not digits):
            raise UnspelledError(f"a chunk of {line!r}")
        if digits[:1] == b"0" and digits != b"0":
            raise UnspelledError(f"a chunk of {line!r}")
        if not end:
            return None
        size = int(digits, 16)
        if len(after) < size + 2:
            return None
        if after[size : size + 2] != b"\r\n":
            raise UnspelledError(f"a chunk ends in {after[size : size + 2]!r}")
        body += after[:size]
        rest = after[size + 2 :]
        if not size:
            return Spelled(message.line, message.fields, body), rest
