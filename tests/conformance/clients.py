"""What the client of the ``websockets`` package sees, and 16 MiB, or a gigabyte, of frames."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.conformance.frames import VALID

PIECE = 1 << 20  # bytes of one message
AHEAD = 4  # messages sent before the first has come back
CHAT: dict[str, Any] = {"subprotocols": ["chat"], "proxy": None}


@dataclass(frozen=True, slots=True)
class Bulk:
    """So many bytes there and back."""

    size: int
    seconds: float
    same: bool


def verdicts(port: int, base: str = "") -> Mapping[str, str]:
    """By case, with compression and without; ``base`` is what goes before a path."""
    return asyncio.run(_verdicts(f"ws://127.0.0.1:{port}{base}"))


def bulk(port: int, base: str, size: int) -> Bulk:
    """Echo ``size`` bytes in binary messages of one MiB, uncompressed."""
    return asyncio.run(_bulk(f"ws://127.0.0.1:{port}{base}/", size))


async def _verdicts(server: str) -> Mapping[str, str]:
    found = {}
    for compression in ("deflate", None):
        found[f"messages, {compression}"] = await _messages(f"{server}/", compression)
    for code in VALID:
        found[f"close {code}"] = await _closing(f"{server}/", code)
        found[f"closed with {code}"] = await _closed(f"{server}/close/{code}")
    return found


async def _messages(address: str, compression: str | None) -> str:
    words = {**CHAT, "compression": compression, "max_size": None}
    said = []
    async with connect(address, **words) as socket:
        said.append(f"{socket.subprotocol} {[each.name for each in socket.protocol.extensions]}")
        messages = ("text", "größer " * 9000, b"", bytes(range(256)) * 1000)
        said += [await _echo(socket, message) for message in messages]
        await socket.send(["in ", "frag", "", "ments"])
        said.append(repr(await socket.recv()))
        pongs = [await socket.ping(b"%d" % number) for number in range(3)]
        said.append(f"{len(await asyncio.gather(*pongs))} pongs")
    said.append(f"closed {socket.close_code} {socket.close_reason}")
    return "; ".join(said)


async def _echo(socket: ClientConnection, message: str | bytes) -> str:
    await socket.send(message)
    return f"{type(message).__name__} {await socket.recv() == message}"


async def _closing(address: str, code: int) -> str:
    async with connect(address, **CHAT) as socket:
        await socket.close(code, f"because of {code}")
    return f"closed {socket.close_code} {socket.close_reason}"


async def _closed(address: str) -> str:
    async with connect(address, **CHAT) as socket:
        try:
            await socket.recv()
        except ConnectionClosed as closed:
            return f"{type(closed).__name__} {closed.rcvd}"
    return "not closed"


async def _bulk(address: str, size: int) -> Bulk:
    piece, count = bytes(range(256)) * (PIECE // 256), size // PIECE
    sent, came = hashlib.sha256(), hashlib.sha256()
    window = asyncio.Semaphore(AHEAD)
    began = time.monotonic()
    words = {**CHAT, "compression": None, "max_size": None, "ping_interval": None}
    async with connect(address, **words) as socket:

        async def send() -> None:
            for number in range(count):
                await window.acquire()
                message = number.to_bytes(8, "big") + piece[8:]
                sent.update(message)
                await socket.send(message)

        sending = asyncio.create_task(send())
        for _ in range(count):
            came.update(await socket.recv())
            window.release()
        await sending
    same = sent.digest() == came.digest()
    return Bulk(count * PIECE, time.monotonic() - began, same)
