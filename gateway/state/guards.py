"""Who guards which flag while a command runs: a record with a heartbeat, and one owner."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

from gateway.core.leases import GUARD, Sighting, sighted
from gateway.state.reports import GUARDS
from gateway.stores.base import Record, RecordMoved, Store


@dataclass(frozen=True, slots=True)
class Guarding:
    """One guard as its record says. ``id`` is its owner's; ``since`` seconds since the epoch.

    ``abandoned``: it has not been heard of for its lease; the flag stays on until somebody
    lifts it.
    """

    record: Record
    abandoned: bool

    @property
    def id(self) -> str:
        return str(self.record.document.get("owner", ""))

    @property
    def flag(self) -> str:
        return str(self.record.document.get("flag", ""))

    @property
    def user(self) -> str | None:
        return cast("str | None", self.record.document.get("user"))

    def document(self) -> Mapping[str, object]:
        """As the control API answers it."""
        return {"id": self.id, **self.record.document, "abandoned": self.abandoned}


class AlreadyGuarded(Exception):  # noqa: N818 an answer to a caller
    """Somebody else guards the flag, for that user if one is named."""

    def __init__(self, guarding: Guarding) -> None:
        self.guarding = guarding
        super().__init__(f"flag {guarding.flag} is guarded")


class UnknownGuard(LookupError):  # noqa: N818 an answer to a caller
    """No such guard, or it is another's by now: whoever holds it must not lift the flag."""


class Guards:
    """All guards of a store. ``monotonic`` and ``clock`` (since the epoch) are in seconds."""

    def __init__(
        self,
        store: Store,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._monotonic = monotonic
        self._clock = clock
        self._sightings: dict[str, Sighting] = {}
        self.known: list[Guarding] = []  # as last read

    async def all(self) -> list[Guarding]:
        """By flag and user. Raises ``StoreError``."""
        began = self._monotonic()
        records = await self._store.records(GUARDS)
        ended = self._monotonic()
        self._sightings = {
            each.key: sighted(self._sightings.get(each.key), _beat(each), began, ended)
            for each in records
        }
        self.known = [self._guarding(record) for record in records]
        return self.known

    async def acquire(
        self, flag: str, user: str | None, owner: str, about: Mapping[str, object]
    ) -> Guarding:
        """Guard a flag as ``owner``, a text that nobody else has; ``about`` is told to people.

        An abandoned guard is taken over. Raises ``AlreadyGuarded`` and ``StoreError``.
        """
        key = _key(flag, user)
        known = {guarding.record.key: guarding for guarding in await self.all()}.get(key)
        if known is not None and known.id != owner and not known.abandoned:
            raise AlreadyGuarded(known)
        expect = known.record.beat if known is not None else 0
        document = {**about, "flag": flag, "user": user, "owner": owner, "since": self._clock()}
        try:
            record = await self._store.put(GUARDS, key, document, expect=expect)
        except RecordMoved as moved:
            if moved.current is None:  # it was released this moment
                return await self.acquire(flag, user, owner, about)
            raise AlreadyGuarded(self._guarding(moved.current)) from moved
        return self._guarding(record)

    async def heartbeat(self, owner: str, news: Mapping[str, object]) -> Guarding:
        """Still there; ``news`` (``state``, ``progress``) is told to people.

        Raises ``UnknownGuard`` and ``StoreError``.
        """
        known = await self.find(owner)
        fixed = {key: known.record.document.get(key) for key in _FIXED}
        document = {**known.record.document, **news, **fixed}
        key, beat = known.record.key, known.record.beat
        try:
            record = await self._store.put(GUARDS, key, document, expect=beat)
        except RecordMoved as moved:
            if moved.current is not None and moved.current.document.get("owner") == owner:
                return await self.heartbeat(owner, news)  # two at once, both its own
            raise UnknownGuard(owner) from moved
        return self._guarding(record)

    async def release(self, owner: str) -> None:
        """Guard no more. Raises ``UnknownGuard`` and ``StoreError``."""
        known = await self.find(owner)
        try:
            await self._store.drop(GUARDS, known.record.key, expect=known.record.beat)
        except RecordMoved as moved:
            raise UnknownGuard(owner) from moved

    async def find(self, owner: str) -> Guarding:
        """The guard that is ``owner``'s. Raises ``UnknownGuard`` and ``StoreError``."""
        for guarding in await self.all():
            if guarding.id == owner:
                return guarding
        raise UnknownGuard(owner)

    def _guarding(self, record: Record) -> Guarding:
        sighting = self._sightings.get(record.key)
        same = sighting is not None and sighting.beat == _beat(record)
        return Guarding(record, same and sighting is not None and sighting.is_silent(GUARD))


_FIXED = ("flag", "user", "owner", "since")


def _beat(record: Record) -> tuple[object, ...]:
    return record.beat, record.document.get("owner")


def _key(flag: str, user: str | None) -> str:
    return flag if user is None else f"{flag}\n{user}"
