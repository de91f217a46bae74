"""Both ends of the wire by hand: an app and clients whose every byte the test decides.

Nothing is read that the test does not ask for, so that a side which does not read is one that
does not read. Every wait ends in ``TIMEOUT`` seconds with a failure that says what it was for.
"""

from __future__ import annotations

import asyncio
import re
import select
import socket
import struct
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

TIMEOUT = 60.0  # seconds; only a failing test waits so long
_RESET = struct.pack("ii", 1, 0)
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *([0-9]+)\r\n")
_CHUNKED = re.compile(rb"(?i)\r\ntransfer-encoding: *chunked\r\n")

T = TypeVar("T")


async def within(work: Awaitable[T], what: str, seconds: float = TIMEOUT) -> T:
    """Await, but not for ever."""
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise AssertionError(f"not within {seconds} s: {what}") from None


async def turns(count: int = 20) -> None:
    """Let the event loop go round, so that what is ready gets done."""
    for _ in range(count):
        await asyncio.sleep(0)


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer as it was on the wire: head with its empty line, then body."""

    head: bytes
    body: bytes = b""

    @property
    def line(self) -> bytes:
        return self.head.partition(b"\r\n")[0]

    @property
    def status(self) -> int:
        return int(self.line.split(b" ")[1])

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        lines = self.head.split(b"\r\n")[1:-2]
        return [(name, value.strip()) for name, _, value in (one.partition(b":") for one in lines)]

    def all(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def one(self, name: bytes) -> bytes | None:
        values = self.all(name)
        assert len(values) <= 1, f"{name!r} came {len(values)} times"
        return values[0] if values else None


class Wire:
    """One TCP connection, from either side."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)  # noqa: FBT003 its own signature
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self.buffer = b""

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    async def send(self, data: bytes) -> None:
        await within(self._loop.sock_sendall(self._socket, data), f"sending {data[:60]!r}")

    def try_send(self, data: bytes) -> int:
        """How much of it the kernel takes now; 0 if the other side does not read."""
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0

    async def stuff(self, most: int = 1 << 26) -> int:
        """Send zeros until the other side takes no more for a while; how many it took."""
        sent = refused = 0
        while refused < 20:
            more = self.try_send(bytes(1 << 20))
            sent += more
            assert sent < most, "nothing stops the sender"
            refused = 0 if more else refused + 1
            await turns(3)
        return sent

    async def until(self, end: bytes) -> bytes:
        """What comes up to ``end`` and with it. Raises EOFError if the connection ends before."""
        while (at := self.buffer.find(end)) < 0:
            await self._more(f"waiting for {end!r}")
        return self._cut(at + len(end))

    async def exactly(self, size: int) -> bytes:
        """So many bytes. Raises EOFError if the connection ends before."""
        pieces, left = [self._cut(size)], size
        left -= len(pieces[0])
        while left:
            await self._more(f"waiting for {left} bytes of {size}")
            pieces.append(self._cut(left))
            left -= len(pieces[-1])
        return b"".join(pieces)

    async def some(self) -> bytes:
        """What has come, or comes next. Raises EOFError."""
        if not self.buffer:
            await self._more("waiting for any byte")
        return self._cut(len(self.buffer))

    async def forever(self) -> bytes:
        """The next bytes, however long they take. Raises EOFError at the end."""
        data = await self._loop.sock_recv(self._socket, 1 << 18)
        if not data:
            raise EOFError
        return data

    async def drop(self) -> str:
        """Throw away all that comes; returns how the other side ends."""
        try:
            await self.rest()
        except ConnectionResetError:
            return "reset"
        return "closed"

    async def rest(self) -> bytes:
        """All that comes until the other side ends. Raises ConnectionResetError."""
        pieces: list[bytes] = []
        if await self.rest_into(pieces) == "reset":
            raise ConnectionResetError
        return b"".join(pieces)

    async def rest_into(self, pieces: list[bytes]) -> str:
        """Collect all that comes until the other side ends; how it does: ``closed``, ``reset``."""
        pieces.append(self._cut(len(self.buffer)))
        try:
            while piece := await within(self._loop.sock_recv(self._socket, 1 << 18), "the end"):
                pieces.append(piece)
        except ConnectionResetError:
            return "reset"
        return "closed"

    async def rest_or_reset(self) -> bytes:
        """All that comes until the other side ends, however it does."""
        try:
            return await self.rest()
        except ConnectionResetError:
            return b""

    async def ended(self) -> str:
        """How the other side ends, and that nothing more comes: ``closed`` or ``reset``."""
        try:
            rest = await self.rest()
        except ConnectionResetError:
            return "reset"
        assert rest == b"", f"before the end came {rest[:300]!r}"
        return "closed"

    async def message(self, *, bodyless: bool = False) -> Message:
        """The next message, whole by its own framing; the body as it is on the wire.

        An answer without length or chunks runs to the end of the connection.
        """
        head = await self.until(b"\r\n\r\n")
        if bodyless:
            return Message(head)
        if found := _LENGTH.search(head):
            return Message(head, await self.exactly(int(found[1])))
        if _CHUNKED.search(head):
            return Message(head, await self._chunks())
        if head.startswith(b"HTTP/") and not re.match(rb"HTTP/1.1 (1..|204|304)", head):
            return Message(head, await self.rest())
        return Message(head)

    def silent(self) -> bool:
        """Nothing has come, and the other side has not ended."""
        if self.buffer:
            return False
        try:
            self.buffer = self._socket.recv(65_536)
        except BlockingIOError:
            return True
        return False

    def readable(self) -> bool:
        """Something has come, or the other side has ended."""
        return bool(select.select([self._socket], [], [], 0)[0])

    def half_close(self) -> None:
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._socket.close()

    def reset(self) -> None:
        """Close with a reset, as a crash or a cut cable would."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._socket.close()

    async def _chunks(self) -> bytes:
        pieces = []
        while True:
            line = await self.until(b"\r\n")
            size = int(line.partition(b";")[0], 16)
            pieces += [line, await self.exactly(size + 2)]
            if not size:
                assert pieces[-1] == b"\r\n", "trailers were handed on"
                return b"".join(pieces)

    async def _more(self, what: str) -> None:
        data = await within(self._loop.sock_recv(self._socket, 1 << 18), what)
        if not data:
            raise EOFError(f"{what}; the connection ended after {self.buffer[:300]!r}")
        self.buffer += data

    def _cut(self, size: int) -> bytes:
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data


class RawClient(Wire):
    """A client that says exactly what it is told to say."""

    async def ask(self, request: bytes) -> None:
        """A request line with further field lines, each without CRLF, as one head."""
        await self.send(head(request))

    async def get(self, target: bytes = b"/", *lines: bytes) -> None:
        await self.send(head(b"GET " + target + b" HTTP/1.1", b"Host: a.test", *lines))

    async def answer(self, *, bodyless: bool = False) -> Message:
        return await self.message(bodyless=bodyless)


class RawApp:
    """An app that accepts a connection when the test says so, and answers what it says."""

    def __init__(self, *, receive_buffer: int | None = None, up: bool = True) -> None:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))  # nobody else gets the port while it is down
        if up:
            self._listener.listen()
        if receive_buffer is not None:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._listener.setblocking(False)  # noqa: FBT003 its own signature
        self.port: int = self._listener.getsockname()[1]
        self.accepted: list[Wire] = []

    def come_up(self) -> None:
        """Listen, where it did not."""
        self._listener.listen()

    async def accept(self) -> Wire:
        """The next connection that the gateway opens."""
        loop = asyncio.get_running_loop()
        sock, _ = await within(loop.sock_accept(self._listener), "a connection to the app")
        self.accepted.append(Wire(sock))
        return self.accepted[-1]

    async def serve(self) -> tuple[Wire, Message]:
        """The next connection, with the first request on it."""
        wire = await self.accept()
        return wire, await wire.message()

    def untouched(self) -> bool:
        """No connection waits to be accepted."""
        return not select.select([self._listener], [], [], 0)[0]

    def stop_listening(self) -> None:
        self._listener.close()

    def close(self) -> None:
        self._listener.close()
        for wire in self.accepted:
            wire.close()


def head(*lines: bytes) -> bytes:
    """Lines as one head, with the empty line that ends it."""
    return b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def ok(body: bytes = b"hello", *lines: bytes) -> bytes:
    """The app's plain answer."""
    return head(b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *lines) + body
