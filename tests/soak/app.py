"""The app of the soak: it notes when it begins each request, and when it is really done with it.

What it is asked is in the path: ``/SCOPE/KIND?id=..&ms=..`` (``get``, ``upload``, ``chunks``,
``events``, ``socket``), whose it is in the cookie ``uid``. Its work takes so many milliseconds,
whatever becomes of the connection meanwhile. It is done before its last bytes go out, as an app
is that commits and then answers; what is sent after that is no work.

``GET /-/count`` and ``/-/records``, asked directly, tell what it has seen.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs, urlsplit

import uvloop

UPLOAD_SECONDS = 1.0  # for a body to arrive; an app that waits for ever is never done
SILENCE = 2.0  # seconds until a WebSocket over which nothing comes is closed
_USER = re.compile(rb"(?i)\r\ncookie:[^\r]*?\buid=(\w+)")
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_CHUNKED = re.compile(rb"(?i)\r\ntransfer-encoding: *chunked")
_HEAD = b"HTTP/1.1 200 OK\r\n"

CLOSE = 8  # the opcode

Record = list[Any]  # id, kind, scope, user, start, end or None


class App:
    """Every request since it was started, in memory."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until it ends."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._serve(reader, writer):
                pass
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request. Returns whether another may come on the connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        target = urlsplit(head.split(b" ", 2)[1].decode())
        _, scope, kind = target.path.split("/")
        if scope == "-":
            self._tell(kind, writer)
            return True
        asked = {name: values[0] for name, values in parse_qs(target.query).items()}
        user = found[1].decode() if (found := _USER.search(head)) else None
        record: Record = [asked["id"], kind, scope, user, time.monotonic(), None]
        self.records.append(record)
        seconds = int(asked["ms"]) / 1000
        match kind:
            case "upload":
                return await _upload(record, seconds, head, reader, writer)
            case "chunks" | "events":
                return await _stream(record, seconds, writer)
            case "socket":
                return await _tunnel(record, reader, writer)
        await asyncio.sleep(seconds)
        _answer(record, writer, b"Content-Length: 2\r\n\r\nok")
        return True

    def _tell(self, what: str, writer: asyncio.StreamWriter) -> None:
        said: object = self.records
        if what == "count":
            under_way = sum(record[5] is None for record in self.records)
            scopes = Counter(record[2] for record in self.records)
            said = {"requests": scopes, "under_way": under_way}
        body = json.dumps(said).encode()
        writer.write(_HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)


def _answer(record: Record, writer: asyncio.StreamWriter, rest: bytes, head: bytes = _HEAD) -> None:
    record[5] = time.monotonic()
    _send(writer, head + rest)


def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    # Whether somebody still listens is nothing that the app's work depends on.
    if not writer.is_closing():
        writer.write(data)


async def _upload(
    record: Record,
    seconds: float,
    head: bytes,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> bool:
    try:
        async with asyncio.timeout(UPLOAD_SECONDS):
            await read_body(head, reader)
    except (TimeoutError, ConnectionError, asyncio.IncompleteReadError):
        # Half an upload has its cost too: it is thrown away, say, file by file.
        await asyncio.sleep(seconds)
        late = b"Content-Length: 0\r\nConnection: close\r\n\r\n"
        _answer(record, writer, late, b"HTTP/1.1 408 Request Timeout\r\n")
        return False
    await asyncio.sleep(seconds)
    _answer(record, writer, b"Content-Length: 2\r\n\r\nok")
    return True


async def _stream(record: Record, seconds: float, writer: asyncio.StreamWriter) -> bool:
    events = record[1] == "events"
    content = b"text/event-stream" if events else b"text/plain"
    _send(writer,
        _HEAD + b"Content-Type: " + content + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    )  # fmt: skip
    for _ in range(5):
        _send(writer, b"9\r\ndata: 1\n\n\r\n")
        await asyncio.sleep(seconds / 5)
    record[5] = time.monotonic()
    _send(writer, b"0\r\n\r\n")
    return True


async def _tunnel(
    record: Record, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    """A WebSocket of small frames: it is at work until it is closed, gone, or silent."""
    upgrade = b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
    _send(writer, b"HTTP/1.1 101 Switching Protocols\r\n" + upgrade + b"\r\n")
    with suppress(TimeoutError, ConnectionError, asyncio.IncompleteReadError):
        while await _frame(reader) != CLOSE:
            _send(writer, b"\x81\x02ok")
    record[5] = time.monotonic()
    _send(writer, bytes([128 | CLOSE, 0]))
    return False


async def _frame(reader: asyncio.StreamReader) -> int:
    async with asyncio.timeout(SILENCE):
        first = await reader.readexactly(2)
        await reader.readexactly(4 + (first[1] & 127))  # mask, payload
    return first[0] & 15


async def read_body(head: bytes, reader: asyncio.StreamReader) -> None:
    """What follows a request's head, by its framing; thrown away."""
    if found := _LENGTH.search(head):
        await reader.readexactly(int(found[1]))
    elif _CHUNKED.search(head):
        while size := int(await reader.readuntil(b"\r\n"), 16):
            await reader.readexactly(size + 2)
        await reader.readexactly(2)


async def main(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.start_server(App().connected, "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
