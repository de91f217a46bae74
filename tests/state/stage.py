"""A live state for tests: a store that can fail, a clock that stands still, swaps to wait on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.config.settings import Address, Settings
from gateway.core.flags import Flag, FlagState, Identity, IdentitySource
from gateway.core.overrides import Patch
from gateway.core.snapshot import Snapshot
from gateway.state.live import LiveState
from gateway.stores.base import AuditEntry, Edit, StoredState, StoreError
from gateway.stores.memory import MemoryStore

NOW = 1_900_000_000.0
SITE = Flag("site", FlagState(enabled=False))
USER = Flag(
    "reindex", FlagState(enabled=True), identity=Identity((IdentitySource("cookie", "uid"),))
)
SETTINGS = Settings(upstream=Address("127.0.0.1", 8000), store="memory:", flags=(SITE, USER))
ON = Patch({"enabled": True})


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class FlakyStore(MemoryStore):
    """Out of reach while ``broken``; counts its reads; lets each wait for ``gate``."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = False
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def open(self) -> None:
        self._reach()
        await super().open()

    async def read(self) -> StoredState:
        self.reads += 1
        self._reach()
        await self.gate.wait()
        return await super().read()

    async def update(self, edit: Edit) -> StoredState:
        self._reach()
        return await super().update(edit)

    async def record(self, entry: AuditEntry) -> None:
        self._reach()
        await super().record(entry)

    def go_back(self, revision: int) -> None:
        self._state = StoredState(revision, {}, epoch=self._state.epoch)
        self._bell.ring()

    def _reach(self) -> None:
        if self.broken:
            raise StoreError("the disk is gone")


class Swaps:
    """The snapshots that ``live`` swaps in, to be waited for."""

    def __init__(self, live: LiveState) -> None:
        self._live = live
        self._swapped = asyncio.Event()
        self.all: list[Snapshot] = []
        live.subscribe(self._note)

    async def until(self, holds: Callable[[Snapshot], bool]) -> Snapshot:
        async with asyncio.timeout(60):
            while not holds(self._live.snapshot):
                self._swapped.clear()
                await self._swapped.wait()
        return self._live.snapshot

    def _note(self, snapshot: Snapshot) -> None:
        self.all.append(snapshot)
        self._swapped.set()


class Log(logging.Handler):
    """What the gateway logs, to be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._more = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self._more.set()

    async def until(self, text: str, times: int = 1) -> None:
        async with asyncio.timeout(60):
            while self.count(text) < times:
                self._more.clear()
                await self._more.wait()

    def count(self, text: str) -> int:
        return sum(text in line for line in self.lines)


@contextmanager
def logged() -> Iterator[Log]:
    log, logger = Log(), logging.getLogger("gateway.state")
    level = logger.level
    logger.addHandler(log)
    logger.setLevel(logging.INFO)
    try:
        yield log
    finally:
        logger.removeHandler(log)
        logger.setLevel(level)


def is_on(snapshot: Snapshot, flag: str = "site") -> bool:
    view = snapshot.view(flag)
    assert view is not None
    return view.state.enabled


def users(snapshot: Snapshot, flag: str = "reindex") -> tuple[str, ...]:
    view = snapshot.view(flag)
    assert view is not None
    return view.state.users
