"""The embedded default: one SQLite file, shared by all processes of one machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import ParamSpec, TypeVar

from gateway.stores.base import AuditEntry, Edit, Record, StoredState, StoreError
from gateway.stores.bell import Bell
from gateway.stores.sqlite_file import BUSY, SqliteFile
from gateway.stores.wakes import Wakes

POLL = 0.25  # seconds between two looks for what other processes wrote, if no wake came

P = ParamSpec("P")
T = TypeVar("T")


class SqliteStore:
    """Runs a ``SqliteFile`` on one thread of its own, so that no disk stops the event loop.

    Writes of other processes are told by ``Wakes``; the file is looked at besides. ``busy`` is
    how long a write waits for another process's, ``poll`` how often the file is looked at for
    their changes; both in seconds. A look costs some ten microseconds.
    """

    def __init__(self, path: Path, *, busy: float = BUSY, poll: float = POLL) -> None:
        self._bell = Bell()
        self._wakes = Wakes(path, self._bell.ring)
        self._file = SqliteFile(path, busy=busy, committed=self._wakes.send)
        self._poll = poll
        self._thread: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        try:
            await self._run(self._file.open)
        except StoreError:
            await self.close()
            raise
        self._wakes.open()

    async def close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(thread, self._file.close)
            thread.shutdown(wait=False)
            self._wakes.close()
        self._bell.ring()

    async def read(self) -> StoredState:
        return await self._run(self._file.read)

    async def update(self, edit: Edit) -> StoredState:
        try:
            return await self._run(self._file.update, edit)
        finally:
            self._bell.ring()

    async def record(self, entry: AuditEntry) -> None:
        await self._run(self._file.record, entry)

    async def audit(self, limit: int, before: int | None = None) -> list[AuditEntry]:
        return await self._run(self._file.audit, limit, before)

    async def records(self, kind: str) -> list[Record]:
        return await self._run(self._file.records, kind)

    async def put(
        self, kind: str, key: str, document: Mapping[str, object], *, expect: int | None = None
    ) -> Record:
        record = await self._run(self._file.put, kind, key, document, expect)
        self._bell.ring()
        return record

    async def drop(self, kind: str, key: str, *, expect: int | None = None) -> None:
        await self._run(self._file.drop, kind, key, expect)
        self._bell.ring()

    async def changes(self) -> AsyncIterator[None]:
        seen = None
        async with aclosing(self._bell.rings(self._poll)) as rings:
            async for rung in rings:
                before, seen = seen, await self._version()
                if self._thread is None:
                    return
                if rung or seen != before:
                    yield

    async def _version(self) -> int | None:
        # None while the file cannot be had: losing it is a change, and so is its return.
        try:
            return await self._run(self._file.version)
        except StoreError:
            return None

    async def _run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._thread is None:
            raise StoreError("the store is closed")
        future = self._thread.submit(call, *args, **kwargs)
        return await asyncio.wrap_future(future)
