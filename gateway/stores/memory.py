"""The store of one process that keeps nothing: for tests, and where flips may be lost."""

from __future__ import annotations

import secrets
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import replace

from gateway.stores.base import (
    MOST_AUDIT_ENTRIES,
    AuditEntry,
    Edit,
    Record,
    RecordMoved,
    StoredState,
    StoreError,
    applied,
)
from gateway.stores.bell import Bell
from gateway.stores.documents import dump_document, load_document


class MemoryStore:
    """One value that is replaced whole; everything on the event loop's thread."""

    def __init__(self) -> None:
        self._state = StoredState(0, {}, epoch=secrets.token_hex(8))
        self._audit: deque[AuditEntry] = deque(maxlen=MOST_AUDIT_ENTRIES)
        self._last_id = 0
        self._records: defaultdict[str, dict[str, Record]] = defaultdict(dict)
        self._bell = Bell()
        self._opened = False

    async def open(self) -> None:
        self._opened = True

    async def close(self) -> None:
        self._opened = False
        self._bell.ring()

    async def read(self) -> StoredState:
        self._check()
        return self._state

    async def update(self, edit: Edit) -> StoredState:
        self._check()
        change = edit(self._state)
        if change is not None:
            self._state = applied(self._state, change)
            for entry in change.audit:
                self._note(replace(entry, revision=self._state.revision))
            self._bell.ring()
        return self._state

    async def record(self, entry: AuditEntry) -> None:
        self._check()
        self._note(entry)

    async def audit(self, limit: int, before: int | None = None) -> list[AuditEntry]:
        self._check()
        entries = [entry for entry in reversed(self._audit) if before is None or entry.id < before]
        return entries[:limit]

    async def records(self, kind: str) -> list[Record]:
        self._check()
        return [record for _, record in sorted(self._records[kind].items())]

    async def put(
        self, kind: str, key: str, document: Mapping[str, object], *, expect: int | None = None
    ) -> Record:
        beat = self._beat(kind, key, expect) + 1
        # As JSON and back, so that what a caller changes later is not changed here.
        record = Record(key, beat, load_document(dump_document(document)))
        self._records[kind][key] = record
        self._bell.ring()
        return record

    async def drop(self, kind: str, key: str, *, expect: int | None = None) -> None:
        if self._beat(kind, key, expect):
            del self._records[kind][key]
            self._bell.ring()

    async def changes(self) -> AsyncIterator[None]:
        async with aclosing(self._bell.rings()) as rings:
            async for _ in rings:
                if not self._opened:
                    return
                yield

    def _beat(self, kind: str, key: str, expect: int | None) -> int:
        self._check()
        current = self._records[kind].get(key)
        beat = current.beat if current else 0
        if expect not in {None, beat}:
            raise RecordMoved(current)
        return beat

    def _check(self) -> None:
        if not self._opened:
            raise StoreError("the store is closed")

    def _note(self, entry: AuditEntry) -> None:
        self._last_id += 1
        self._audit.append(replace(entry, id=self._last_id))
