"""Server-sent events: the flags, the status, the guards and the audit, as they change.

The stream ends when its caller leaves, when the token that it was asked for with is taken out of
the YAML, and when this worker is leaving; whoever follows asks again and gets everything anew, so
that ``Last-Event-ID`` has nothing to tell.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import partial

from aiohttp import web

from gateway.control.auth import still_welcome
from gateway.control.documents import Document
from gateway.control.news import EVENTS, NEWS, SIGNALS, Listener
from gateway.control.problems import Problem

HEARTBEAT = 15.0  # seconds; what stands between closes what says nothing for longer
CONTENT_TYPE = "text/event-stream"


async def stream_events(request: web.Request) -> web.StreamResponse:
    """``snapshot`` with everything, then ``flags``, ``status``, ``guards``, ``audit``."""
    return await _stream(request, EVENTS)


async def stream_signals(request: web.Request) -> web.StreamResponse:
    """For the dashboard: the counters, and the names of what is to be looked at again."""
    return await _stream(request, SIGNALS)


async def _stream(request: web.Request, names: Collection[str]) -> web.StreamResponse:
    news = request.app[NEWS]
    if news.full or news.ended:
        raise Problem(
            503, "As many listen as this worker takes: ask again.", headers={"Retry-After": "5"}
        )
    # nginx keeps back what it is not told to hand on.
    response = web.StreamResponse(headers={"X-Accel-Buffering": "no"})
    response.content_type = CONTENT_TYPE
    if request.method == "HEAD":
        await response.prepare(request)
        return response
    response.force_close()
    async with news.follow(names) as listener:
        tell = partial(_events, names)
        with suppress(ConnectionError):  # the caller has left
            await response.prepare(request)
            if names is EVENTS:
                await response.write(_snapshot(await listener.next(HEARTBEAT)))
            await _keep_telling(request, response, listener, tell)
    return response


async def _keep_telling(
    request: web.Request,
    response: web.StreamResponse,
    listener: Listener,
    tell: Callable[[Mapping[str, Document]], bytes],
) -> None:
    loop, news = asyncio.get_running_loop(), request.app[NEWS]
    told = loop.time()
    while not news.ended and still_welcome(request):
        text = tell(await listener.next(HEARTBEAT))
        if text or loop.time() - told >= HEARTBEAT:
            await response.write(text or b":\n\n")
            told = loop.time()


def _snapshot(documents: Mapping[str, Document]) -> bytes:
    everything: Document = {
        **documents["flags"],
        "status": documents["status"],
        "guards": documents["guards"]["guards"],
        "entries": documents["audit"]["entries"],
    }
    return _message("snapshot", everything)


def _events(names: Collection[str], documents: Mapping[str, Document]) -> bytes:
    # The dashboard looks at its page again, where the words are.
    return b"".join(
        _message(name, document if names is EVENTS or name == "counters" else {})
        for name, document in documents.items()
    )


def _message(name: str, document: Document) -> bytes:
    revision = document.get("revision")
    known = "" if revision is None else f"id: {revision}\n"
    return f"event: {name}\n{known}data: {json.dumps(document)}\n\n".encode()
