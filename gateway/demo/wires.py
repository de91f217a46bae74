"""The Bookshop's odd wires: slow answers, uploads, event streams and WebSockets."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import json
import time
from collections.abc import AsyncIterable, AsyncIterator

from aiohttp import BodyPartReader, WSMsgType, web

SLOWEST = 60.0  # seconds


async def slow(request: web.Request) -> web.Response:
    """Answers after ``seconds`` (2): a request to have in flight."""
    try:
        seconds = float(request.query.get("seconds", "2"))
    except ValueError:
        return web.json_response({"error": "seconds must be a number"}, status=400)
    if not 0 <= seconds <= SLOWEST:  # false for nan too
        return web.json_response({"error": f"seconds must be 0 to {SLOWEST:g}"}, status=400)
    await asyncio.sleep(seconds)
    return web.json_response({"slept": seconds})


async def upload(request: web.Request) -> web.Response:
    """Counts the body (of a form: each file in it) and tells its SHA-256; keeps nothing."""
    if request.content_type != "multipart/form-data":
        counted = await _count(request.content.iter_chunked(1 << 16))
        return web.json_response(counted)
    files = []
    async for part in await request.multipart():
        if isinstance(part, BodyPartReader):
            name = part.filename or part.name
            files.append({"name": name, **await _count(_chunks(part))})
    return web.json_response({"files": files})


async def _count(chunks: AsyncIterable[bytes]) -> dict[str, object]:
    size, digest = 0, hashlib.sha256()
    async for chunk in chunks:
        size += len(chunk)
        digest.update(chunk)
    return {"bytes": size, "sha256": digest.hexdigest()}


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(1 << 16):
        yield chunk


async def events(request: web.Request) -> web.StreamResponse:
    """Server-sent events: the shop's clock, once a second; ``count`` of them, or endless."""
    count = request.query.get("count", "")
    answer = web.StreamResponse(headers={"Cache-Control": "no-store"})
    answer.content_type = "text/event-stream"
    await answer.prepare(request)
    with contextlib.suppress(ConnectionResetError):  # the reader left
        await _tick(answer, int(count[:6]) if count.isdecimal() else None)
    return answer


async def _tick(answer: web.StreamResponse, count: int | None) -> None:
    for sent in itertools.count(1) if count is None else range(1, count + 1):
        data = json.dumps({"tick": sent, "time": time.strftime("%H:%M:%S")})
        await answer.write(f"id: {sent}\nevent: tick\ndata: {data}\n\n".encode())
        await asyncio.sleep(1)


async def echo(request: web.Request) -> web.WebSocketResponse:
    """A WebSocket that says everything back."""
    socket = web.WebSocketResponse(heartbeat=30)
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


ROUTES = (
    web.get("/slow", slow),
    web.post("/upload", upload),
    web.put("/upload", upload),
    web.get("/events", events),
    web.get("/ws", echo),
)
