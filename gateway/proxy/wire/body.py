"""Where a body ends: by length, in chunks, or with the connection.

Theory of operation. A reader is fed what arrived and returns the bytes to hand on; ``done``
says that the body has ended, and ``surplus`` holds what came after it. Payload is never
copied but to cut it at a boundary. Chunks go on in one canonical form, in the sizes they
came in: size in plain hex, no extension, no trailer, so that the next reader can see but one
message (RFC 9112, 7.1). No reader does I/O.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from gateway.proxy.wire.errors import FramingError
from gateway.proxy.wire.grammar import CHUNK_SIZE, TRAILER_LINE

# A chunk's size line with extensions, and all trailers together. nginx and llhttp have no
# bound on extensions, which is how a megabyte of them costs CPU for one byte of body.
# Extensions of all chunks together may be as much again as the payload, and so much more: in
# chunks of one byte each they would be 250 times the body (cf. CVE-2023-39326 in Go's net/http).
MAX_SIZE_LINE = 256
MAX_TRAILERS = 8192
MAX_EXTENSIONS = 16_384


class BodyReader(Protocol):
    done: bool
    surplus: bytes
    received: int  # bytes of payload so far

    def feed(self, data: bytes) -> bytes:
        """Take what arrived, return what to hand on. Raises FramingError."""

    def at_eof(self) -> bool:
        """The connection has ended: is the body whole?"""

    def withheld(self) -> bytes:
        """What it was fed but has not handed on; with what it has, another reader can begin."""


class NoBody:
    """No body at all. What follows the head is not part of the message."""

    __slots__ = ()
    done = True
    surplus = b""
    received = 0

    def feed(self, data: bytes) -> bytes:  # noqa: ARG002 a reader's signature
        raise FramingError("bytes after a message without a body")

    def at_eof(self) -> bool:
        return True

    def withheld(self) -> bytes:
        return b""


NO_BODY = NoBody()


class LengthBody:
    """A body of ``Content-Length`` bytes, more than none."""

    __slots__ = ("_left", "done", "received", "surplus")

    def __init__(self, length: int) -> None:
        self._left = length
        self.received = 0
        self.done = False
        self.surplus = b""

    def feed(self, data: bytes) -> bytes:
        size = len(data)
        if size < self._left:
            self._left -= size
            self.received += size
            return data
        self.done = True
        self.received += self._left
        if size > self._left:
            self.surplus = data[self._left :]
            data = data[: self._left]
        self._left = 0
        return data

    def at_eof(self) -> bool:
        return self.done

    def withheld(self) -> bytes:
        return b""


class UntilClose:
    """An answer that ends with its connection. Requests cannot be framed so."""

    __slots__ = ("done", "received", "surplus")

    def __init__(self) -> None:
        self.done = False
        self.surplus = b""
        self.received = 0

    def feed(self, data: bytes) -> bytes:
        self.received += len(data)
        return data

    def at_eof(self) -> bool:
        self.done = True
        return True

    def withheld(self) -> bytes:
        return b""


class _At(Enum):
    SIZE = 0
    DATA = 1
    DATA_END = 2
    TRAILER = 3


class ChunkedBody:
    """A chunked body; ``decode`` hands on the payload alone, for an HTTP/1.0 client."""

    __slots__ = (
        "_at", "_decode", "_extensions", "_held", "_left", "_trailers", "done", "received",
        "surplus",
    )  # fmt: skip

    def __init__(self, *, decode: bool = False) -> None:
        self._decode = decode
        self._extensions = 0
        self._at = _At.SIZE
        self._held = b""
        self._left = 0
        self._trailers = 0
        self.received = 0
        self.done = False
        self.surplus = b""

    def at_eof(self) -> bool:
        return self.done

    def withheld(self) -> bytes:
        """Trailers are dropped: what they may end in is not said yet, so neither is it here."""
        last = b"0\r\n" if self._at is _At.TRAILER and not self.done else b""
        return last + self._held

    def feed(self, data: bytes) -> bytes:
        if self._held:
            data = self._held + data
            self._held = b""
        out: list[bytes] = []
        position = 0
        while position < len(data) and not self.done:
            if self._at is _At.DATA:
                position = self._take_payload(data, position, out)
                continue
            end = data.find(b"\n", position)
            if end < 0:
                self._hold(data[position:])
                break
            line = data[position:end]
            if line[-1:] != b"\r":
                raise FramingError("a line of the chunked framing does not end in CRLF")
            position = end + 1
            self._take_line(line[:-1], out)
        if self.done:
            self.surplus = data[position:]
        return out[0] if len(out) == 1 else b"".join(out)

    def _hold(self, part: bytes) -> None:
        limit = MAX_TRAILERS if self._at is _At.TRAILER else MAX_SIZE_LINE
        if len(part) > limit + 1 or (  # with its CR
            self._at is _At.DATA_END and part != b"\r"
        ):
            raise FramingError("a line of the chunked framing is too long or out of place")
        self._held = part

    def _take_payload(self, data: bytes, position: int, out: list[bytes]) -> int:
        whole = position == 0 and len(data) <= self._left
        part = data if whole else data[position : position + self._left]
        out.append(part)
        self._left -= len(part)
        self.received += len(part)
        if not self._left:
            self._at = _At.DATA_END
        return position + len(part)

    def _take_line(self, line: bytes, out: list[bytes]) -> None:
        if self._at is _At.SIZE:
            self._take_size(line, out)
        elif self._at is _At.DATA_END:
            if line:
                raise FramingError("a chunk is longer than its size")
            self._at = _At.SIZE
            if not self._decode:
                out.append(b"\r\n")
        elif line:
            self._trailers += len(line)
            if self._trailers > MAX_TRAILERS or not TRAILER_LINE.fullmatch(line):
                raise FramingError("malformed trailer")
        else:
            self.done = True
            if not self._decode:
                out.append(b"0\r\n\r\n")

    def _take_size(self, line: bytes, out: list[bytes]) -> None:
        match = CHUNK_SIZE.fullmatch(line) if len(line) <= MAX_SIZE_LINE else None
        if match is None:
            raise FramingError("malformed chunk size")
        digits = match[1]
        if len(line) > len(digits):
            self._extensions += len(line) - len(digits)
            if self._extensions > MAX_EXTENSIONS + self.received:
                raise FramingError("there are more chunk extensions than payload")
        size = int(digits, 16)
        if size >= 1 << 62:
            raise FramingError("a chunk's size is out of range")
        self._left = size
        self._at = _At.DATA if size else _At.TRAILER
        if size and not self._decode:
            out.append(b"%x\r\n" % size)
