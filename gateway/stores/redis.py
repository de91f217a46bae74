"""The store of several machines: one Redis, or whichever one Sentinel says is the master.

Theory of operation. Every step is one Lua script (``redis_scripts``). A change reads the state,
edits it here and writes it if the token is still the one read, else begins again. Each change
has a random id, kept with the revision that it made: where the answer to a write is lost, the
id tells whether it was made, and the same question makes sure that it cannot be made later.

Changes are published, and everybody wakes each second besides: a push may be lost. The
subscription is kept by one task, which reconnects with a back-off; commands connect when they
are called. What a failover can lose, and how to bound it, is in docs/stores.md.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Any

from gateway.config.redis_address import RedisAddress
from gateway.stores.base import (
    MOST_AUDIT_ENTRIES,
    AuditEntry,
    Change,
    Edit,
    Record,
    RecordMoved,
    StoredState,
    StoreError,
    Unconfirmed,
    applied,
)
from gateway.stores.bell import Bell
from gateway.stores.documents import (
    dump_document,
    dump_entry,
    dump_override,
    load_document,
    load_entry,
    load_override,
)
from gateway.stores.redis_link import AnswerLost, RedisLink
from gateway.stores.redis_scripts import FORMAT, NOTE, OPEN, PUT, READ, SETTLE, UPDATE

POLL = 1.0  # seconds
FIRST_RETRY, LAST_RETRY = 0.05, 2.0  # seconds between tries to subscribe, or to settle
CROWD = 0.01  # seconds at most between two tries of a change that others were faster than


@dataclass(frozen=True, slots=True)
class _Known:
    """A state, and the change that made it."""

    state: StoredState
    change: bytes


_NOTHING = _Known(StoredState(-1, {}), b"")


class RedisStore:
    """``poll`` is after how many seconds ``changes`` wakes at the latest."""

    def __init__(self, address: RedisAddress, *, poll: float = POLL) -> None:
        self._address = address
        self._link = RedisLink(address)
        self._poll = poll
        self._state_keys = [f"{address.prefix}:{name}" for name in ("state", "trail", "audit")]
        self._channel = f"{address.prefix}:changes"
        self._patience = 3 * address.timeout
        self._known = _NOTHING
        self._highest = _NOTHING
        self._bell = Bell()
        self._turn = asyncio.Lock()
        self._subscription: asyncio.Task[None] | None = None

    async def open(self) -> None:
        if self._subscription is not None:
            return
        try:
            await self._link.call(*self._script(OPEN), _fresh())
            await self._look()
        except StoreError:
            await self._link.close()
            raise
        self._subscription = asyncio.create_task(self._subscribe(), name="redis subscription")

    async def close(self) -> None:
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            # More than once: redis-py looks at a connection with a time-out of 0, which takes
            # a cancellation of that moment for its own.
            while not subscription.done():
                subscription.cancel()
                await asyncio.wait([subscription], timeout=0.1)
            await self._link.close()
        self._bell.ring()

    async def read(self) -> StoredState:
        self._check()
        state, _ = await self._look()
        return state

    async def update(self, edit: Edit) -> StoredState:
        self._check()
        try:
            # One at a time here, so that our own do not outrun each other.
            async with asyncio.timeout(self._patience):
                await self._turn.acquire()
        except TimeoutError as error:
            raise StoreError(f"{self._address}: busy with other changes") from error
        try:
            return await self._update(edit)
        finally:
            self._turn.release()
            self._bell.ring()

    async def record(self, entry: AuditEntry) -> None:
        self._check()
        text = dump_entry(entry, entry.revision)
        await self._write("EVAL", NOTE, 1, self._state_keys[2], MOST_AUDIT_ENTRIES, text)

    async def audit(self, limit: int, before: int | None = None) -> list[AuditEntry]:
        self._check()
        if limit < 1:
            return []
        newest = "+" if before is None else max(0, before - 1)
        rows = await self._link.call("XREVRANGE", self._state_keys[2], newest, "-", "COUNT", limit)
        return [self._entry(identifier, fields) for identifier, fields in rows]

    async def records(self, kind: str) -> list[Record]:
        self._check()
        answer = await self._link.call("HGETALL", self._records_key(kind))
        pairs = zip(answer[::2], answer[1::2], strict=True)
        return sorted(
            (self._record(key.decode(), value) for key, value in pairs), key=lambda one: one.key
        )

    async def put(
        self, kind: str, key: str, document: Mapping[str, object], *, expect: int | None = None
    ) -> Record:
        text = dump_document(document)
        made, *result = await self._put(kind, key, expect, text)
        if not made:
            raise RecordMoved(self._current(key, result))
        return Record(key, result[0], load_document(text))

    async def drop(self, kind: str, key: str, *, expect: int | None = None) -> None:
        made, *result = await self._put(kind, key, expect, "")
        if made or expect is None:
            return
        current = self._current(key, result)
        if expect != (current.beat if current else 0):
            raise RecordMoved(current)

    async def changes(self) -> AsyncIterator[None]:
        async with aclosing(self._bell.rings(self._poll)) as rings:
            async for _ in rings:
                if self._subscription is None:
                    return
                yield

    # The state

    async def _look(self) -> tuple[StoredState, bytes]:
        # The state, and the token that a change of it has to name.
        known, highest = self._known, self._highest
        answer = await self._link.call(
            *self._script(READ),
            _fresh(),
            known.change,
            highest.state.revision,
            highest.change,
            highest.state.epoch,
        )
        token, epoch, *fields = answer
        if fields:
            known = self._decoded(dict(zip(fields[0][::2], fields[0][1::2], strict=True)))
        else:
            known = replace(known, state=replace(known.state, epoch=epoch.decode()))
        self._keep(known)
        return known.state, token

    def _keep(self, known: _Known) -> None:
        self._known = known
        state, highest = known.state, self._highest.state
        if state.epoch != highest.epoch or state.revision > highest.revision:
            self._highest = known

    async def _update(self, edit: Edit) -> StoredState:
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._patience
        while True:
            state, token = await self._look()
            change = edit(state)
            if change is None:
                return state
            after = _Known(applied(state, change), _fresh().encode())
            if await self._commit(change, after, token, deadline):
                self._keep(after)
                return after.state
            if clock() > deadline:
                raise StoreError(f"{self._address}: others kept changing it; nothing was changed")
            await asyncio.sleep(random.uniform(0, CROWD))  # noqa: S311 no secret

    async def _commit(self, change: Change, after: _Known, token: bytes, deadline: float) -> bool:
        revision = after.state.revision
        overrides: list[str] = []
        for flag, override in change.overrides.items():
            overrides += (flag, "" if override is None else dump_override(override))
        try:
            answer = await self._link.write(
                *self._script(UPDATE),
                _fresh(),
                token,
                after.change,
                revision,
                after.state.config_digest,
                self._channel,
                MOST_AUDIT_ENTRIES,
                len(change.overrides),
                *overrides,
                *(dump_entry(entry, revision) for entry in change.audit),
            )
        except AnswerLost as lost:
            try:
                async with asyncio.timeout_at(deadline):
                    return await self._settle(token, after)
            except TimeoutError as error:
                raise Unconfirmed(f"{lost}; the change may have been made") from error
        return bool(answer[0])

    async def _settle(self, token: bytes, after: _Known) -> bool:
        # Was it made? If not, the token is changed, so that it cannot be made any more.
        pause = FIRST_RETRY
        while True:
            try:
                answer = await self._link.write(
                    *self._script(SETTLE), _fresh(), token, after.change, after.state.revision
                )
            except Unconfirmed:
                raise
            except StoreError:
                await asyncio.sleep(pause)
                pause = min(2 * pause, LAST_RETRY)
            else:
                return bool(answer[0])

    def _decoded(self, fields: Mapping[bytes, bytes]) -> _Known:
        if int(fields[b"format"]) > FORMAT:
            raise StoreError(f"{self._address}: was written by a later version of the gateway")
        overrides = {
            name.removeprefix(b"flag:").decode(): text.decode()
            for name, text in fields.items()
            if name.startswith(b"flag:")
        }
        try:
            state = StoredState(
                int(fields[b"revision"]),
                {flag: load_override(text) for flag, text in sorted(overrides.items())},
                fields[b"digest"].decode(),
                fields[b"epoch"].decode(),
            )
        except ValueError as error:
            raise StoreError(f"{self._address}: holds what is no override") from error
        return _Known(state, fields[b"change"])

    # Records and the audit

    async def _put(self, kind: str, key: str, expect: int | None, text: str) -> Any:
        self._check()
        expected = "" if expect is None else expect
        try:
            return await self._write(
                "EVAL", PUT, 1, self._records_key(kind), key, expected, self._channel, text
            )
        finally:
            self._bell.ring()

    async def _write(self, *command: str | int) -> Any:
        try:
            return await self._link.write(*command)
        except AnswerLost as lost:
            raise Unconfirmed(f"{lost}; it may have been written") from lost

    def _current(self, key: str, result: Sequence[bytes | None]) -> Record | None:
        return self._record(key, result[0]) if result and result[0] else None

    def _record(self, key: str, value: bytes) -> Record:
        beat, _, text = value.decode().partition(" ")
        try:
            return Record(key, int(beat), load_document(text))
        except ValueError as error:
            raise StoreError(f"{self._address}: holds a record that is none: {key!r}") from error

    def _entry(self, identifier: bytes, fields: Sequence[bytes]) -> AuditEntry:
        number = int(identifier.partition(b"-")[0])
        try:
            return load_entry(fields[1].decode(), number)
        except (ValueError, IndexError) as error:
            raise StoreError(f"{self._address}: holds what is no audit entry") from error

    def _records_key(self, kind: str) -> str:
        return f"{self._address.prefix}:records:{kind}"

    def _script(self, text: str) -> tuple[str | int, ...]:
        return ("EVAL", text, len(self._state_keys), *self._state_keys)

    # Pushes

    async def _subscribe(self) -> None:
        # A broken subscription, and one that is back, may both have missed a push.
        pause = FIRST_RETRY
        while True:
            with suppress(StoreError):
                async with aclosing(self._link.messages(self._channel)) as messages:
                    async for _ in messages:
                        pause = FIRST_RETRY
                        self._bell.ring()
            self._bell.ring()
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 no secret
            pause = min(2 * pause, LAST_RETRY)

    def _check(self) -> None:
        if self._subscription is None:
            raise StoreError("the store is closed")


def _fresh() -> str:
    return secrets.token_hex(8)
