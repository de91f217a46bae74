"""What changes, for those who follow it: one look a second, however many they are.

Theory of operation. While anybody listens, one task looks at the flags, the status, the guards
and the audit once a second, and at once where a snapshot was swapped in, which a change on any
other worker or replica leads to. Each listener is told what differs from what it was last told.
A message says how things are, not what was added; so of two that a slow listener has not taken
yet the later one will do, and what a listener can have waiting is bounded.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from aiohttp import web

from gateway.control.audit import audit_document
from gateway.control.documents import Document
from gateway.control.flags import flags_document
from gateway.control.services import Services
from gateway.control.status import status_document
from gateway.core.snapshot import Snapshot
from gateway.state.alarm import Alarm
from gateway.stores.base import StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

TICK = 1.0  # seconds between looks
GAP = 0.5  # at least, however often flags are flipped
COUNT_FLAGS = 5.0  # seconds until what each flag is about is counted anew: it is dear
NEWEST = 20  # entries of the audit
MOST_LISTENERS = 50  # of each worker

# What a listener may follow. ``health`` and ``counters`` are the status in two parts: what is
# looked at again when it changes, and what changes all the time.
EVENTS = ("flags", "status", "guards", "audit")
SIGNALS = ("flags", "health", "guards", "audit", "counters")

_MOVING = ("in_flight", "abandoned", "unmoved", "lease")  # of a member, at every beat


Message = tuple[str, Document]  # as JSON, and as it is


class Listener:
    """One who follows ``names``. ``next`` is what of them it has not been told."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._told: dict[str, str] = {}
        self._waiting: dict[str, Document] = {}
        self._woken = Alarm()

    def tell(self, messages: Mapping[str, Message]) -> None:
        for name in self._names:
            text, document = messages[name]
            if self._told.get(name) != text:
                self._told[name], self._waiting[name] = text, document
        self._woken.set()

    def wake(self) -> None:
        self._woken.set()

    async def next(self, seconds: float) -> Mapping[str, Document]:
        """By name, after the next look or so many seconds; empty: nothing has changed."""
        await self._woken.within(seconds)
        waiting, self._waiting = self._waiting, {}
        return waiting


class News:
    """All who follow what changes at this worker."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._listeners: set[Listener] = set()
        self._swapped = Alarm()
        self._looking = asyncio.Lock()
        self._stop: Callable[[], Awaitable[None]] | None = None
        self._flags: tuple[Snapshot, float, Document] | None = None
        self._audit: Document = {"entries": []}
        self.ended = False

    @property
    def full(self) -> bool:
        return len(self._listeners) >= MOST_LISTENERS

    @asynccontextmanager
    async def follow(self, names: Collection[str]) -> AsyncIterator[Listener]:
        """A listener who is told everything at first, and then what changes."""
        listener = Listener(names)
        self._listeners.add(listener)
        unsubscribe = self._services.state.subscribe(lambda _snapshot: self._swapped.set())
        try:
            await self._look()
            self._begin()
            yield listener
        finally:
            unsubscribe()
            self._listeners.discard(listener)
            if not self._listeners:
                await self._rest()

    def end(self) -> None:
        """This worker is leaving: whoever follows goes to another one."""
        self.ended = True
        for listener in self._listeners:
            listener.wake()

    def _begin(self) -> None:
        if self._stop is None:
            followers = self._services.state.followers
            self._stop = followers.start("telling what changes", self._keep_looking)

    async def _rest(self) -> None:
        stop, self._stop = self._stop, None
        if stop is not None:
            await stop()

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(GAP)
            await self._swapped.within(TICK - GAP)
            await self._look()

    async def _look(self) -> None:
        async with self._looking:
            status = await status_document(self._services)
            with suppress(StoreError):
                self._audit = await audit_document(self._services, NEWEST)
            documents: dict[str, Document] = {
                "flags": await self._flags_now(),
                "status": status,
                "guards": {"revision": status["revision"], "guards": status["guards"]},
                "audit": self._audit,
                "health": _health(status),
                "counters": _counters(status, self._services.clock()),
            }
        messages = {name: (json.dumps(each), each) for name, each in documents.items()}
        for listener in self._listeners:
            listener.tell(messages)

    async def _flags_now(self) -> Document:
        snapshot, now = self._services.state.snapshot, self._services.monotonic()
        known = self._flags
        if known is not None and known[0] is snapshot and now - known[1] < COUNT_FLAGS:
            return known[2]
        document = await flags_document(self._services, snapshot)
        self._flags = (snapshot, now, document)
        return document


NEWS = web.AppKey("news", News)


def _health(status: Document) -> Document:
    members = status["members"]
    assert isinstance(members, list)  # noqa: S101 the status's own
    still = [{key: each[key] for key in each if key not in _MOVING} for each in members]
    return {"members": still, **{key: status[key] for key in ("store", "config", "failures")}}


def _counters(status: Document, now: float) -> Document:
    # With the time, so that there is news at each look: a rate that falls to nothing is some.
    return {**{key: status[key] for key in ("revision", "held", "traffic")}, "at": now}
