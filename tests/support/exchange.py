"""One HTTP exchange by hand over a socket: what is sent is exact, what comes back is whole.

Blocking, for tests that compare answers of real servers byte for byte.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

TIMEOUT_SECONDS = 60.0  # of silence: a fail-safe that only a hang meets
Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """A request. A body of bytes goes with its length, one of pieces goes chunked."""

    target: str
    method: str = "GET"
    fields: Fields = ()
    body: bytes | tuple[bytes, ...] = b""
    host: str = "shop.localhost:8000"

    def encode(self) -> bytes:
        lines = [f"{self.method} {self.target} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in self.fields]
        if isinstance(self.body, tuple):
            lines.append("Transfer-Encoding: chunked")
        elif self.body or self.method in {"POST", "PUT", "PATCH"}:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + b"".join(self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        if isinstance(self.body, bytes):
            yield self.body
            return
        for piece in self.body:
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
        yield b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Got:
    """An answer: fields in order as they came; ``framing`` is length, chunked or close."""

    status: int
    reason: str
    fields: Fields
    body: bytes
    framing: str

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name]

    def one(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None


class Line:
    """A kept connection to a port of 127.0.0.1; a context manager."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_SECONDS)
        self._reader = self._socket.makefile("rb")
        self.port = self._socket.getsockname()[1]  # of this side

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def ask(self, ask: Ask) -> Got:
        self.send(ask.encode())
        return self.answer(head_only=ask.method == "HEAD")

    def answer(self, *, head_only: bool = False) -> Got:
        """The next final answer; EOFError if the connection ends before it does."""
        status, reason, fields = self.head()
        while 100 <= status < 200:
            status, reason, fields = self.head()
        named = {name.lower(): value for name, value in fields}
        if head_only or status in {204, 304}:
            return Got(status, reason, fields, b"", "none")
        if "chunked" in named.get("transfer-encoding", ""):
            return Got(status, reason, fields, b"".join(self._chunks()), "chunked")
        if "content-length" in named:
            body = self._exactly(int(named["content-length"]))
            return Got(status, reason, fields, body, "length")
        return Got(status, reason, fields, self._reader.read(), "close")

    def head(self) -> tuple[int, str, Fields]:
        """Status, reason and fields of the next answer, as soon as they are there."""
        _, status, reason = (*self._line().split(" ", 2), "")[:3]
        fields = []
        while line := self._line():
            name, _, value = line.partition(":")
            fields.append((name, value.strip()))
        return int(status), reason, tuple(fields)

    def read_body(self, size: int) -> bytes:
        """So many bytes of what follows a head, as they are on the wire."""
        return self._exactly(size)

    def ended(self) -> bool:
        """Whether the other side closes now, with nothing more to say."""
        return self._reader.read(1) == b""

    def close(self) -> None:
        self._reader.close()
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._line().partition(";")[0], 16):
            yield self._exactly(size)
            self._line()
        while self._line():
            pass  # trailers

    def _line(self) -> str:
        line = self._reader.readline()
        if not line.endswith(b"\n"):
            raise EOFError(f"the connection ended in {line!r}")
        return line.rstrip(b"\r\n").decode("latin-1")

    def _exactly(self, size: int) -> bytes:
        data = self._reader.read(size)
        if len(data) != size:
            raise EOFError(f"{len(data)} bytes of {size}")
        return data


def exchange(port: int, ask: Ask) -> Got:
    """One request on a connection of its own."""
    with Line(port) as line:
        return line.ask(ask)
