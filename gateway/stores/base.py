"""What the gateway asks of a store: an atomic snapshot, and a durable compare-and-set.

A store keeps one revision counter, the overrides by flag, the digest of the YAML that was
last taken in, and the audit. Every change of these makes a new revision. Beside them it keeps
small records (members, drains, guards), each with its own count of writes. Truth is ``read``
and ``records``; a notification only wakes, and may be lost.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.core.overrides import Override


class StoreError(Exception):
    """The store could not be reached or could not write; nothing was changed."""


class Unconfirmed(StoreError):  # noqa: N818 it says how the write stands
    """The write may have been made, or was made and is not as safe as was asked for.

    The message says which of the two. Who needs to know reads again.
    """


@dataclass(frozen=True, slots=True)
class StoredState:
    """All that the store knows at one revision, read in one step.

    ``epoch`` is random, made when the store was created. Another epoch, or a revision lower
    than one already seen, says that history was lost: writes that were answered are gone.
    """

    revision: int
    overrides: Mapping[str, Override]
    config_digest: str = ""
    epoch: str = ""

    @property
    def next_lift(self) -> float:
        """When the first flip undoes itself, in seconds since the epoch; infinite: none does."""
        lifts = [each.lift.at for each in self.overrides.values() if each.lift]
        return min(lifts, default=math.inf)


@dataclass(frozen=True, slots=True)
class Record:
    """A small document that somebody keeps up to date. ``beat`` counts its writes, from 1.

    One that was dropped and is put again counts from 1 again, so a beat that was kept for
    long names a write only together with what the document says of its owner.
    """

    key: str
    beat: int
    document: Mapping[str, object]


class RecordMoved(Exception):  # noqa: N818 an answer to a caller: somebody else was first
    """The record is not at the beat expected; nothing was written. ``current``: as it stands."""

    def __init__(self, current: Record | None) -> None:
        super().__init__("the record has moved" if current else "the record is gone")
        self.current = current


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing somebody did. ``at`` is seconds since the epoch.

    The store gives ``id``, which grows, and for a change the ``revision`` that it made.
    """

    at: float
    by: str
    action: str  # flip, users, reset, lift, window, config, bypass, revoke, refused
    flag: str
    reason: str = ""
    changes: Mapping[str, object] | None = None
    revision: int = 0
    id: int = 0


MOST_AUDIT_ENTRIES = 10_000  # the oldest beyond these are dropped


@dataclass(frozen=True, slots=True)
class Change:
    """What an edit came to: overrides to write (None: to drop) and what to record."""

    overrides: Mapping[str, Override | None]
    audit: Sequence[AuditEntry] = ()
    config_digest: str | None = None


def applied(state: StoredState, change: Change) -> StoredState:
    """The state that ``change`` makes of ``state``, one revision on."""
    merged: Mapping[str, Override | None] = {**state.overrides, **change.overrides}
    overrides = {flag: override for flag, override in merged.items() if override is not None}
    digest = state.config_digest if change.config_digest is None else change.config_digest
    return StoredState(state.revision + 1, overrides, digest, state.epoch)


# Given the state as it stands; None: nothing to do, no new revision. It may be called more
# than once (a lost compare-and-set) and on another thread, so it must be pure. What it
# raises reaches the caller, and nothing is changed.
Edit = Callable[[StoredState], Change | None]


class Store(Protocol):
    """One contract suite runs against every store. All raise ``StoreError``."""

    async def open(self) -> None:
        """Connect; create what is not there yet."""

    async def close(self) -> None:
        """Let go of everything. Idempotent."""

    async def read(self) -> StoredState:
        """The state now, atomically: never older than the start of the call."""

    async def update(self, edit: Edit) -> StoredState:
        """Apply an edit by compare-and-set; durable before it returns the new state.

        Raises ``Unconfirmed`` where it cannot be known whether it was made.
        """

    async def record(self, entry: AuditEntry) -> None:
        """Note something that changed no flag (a refused call); no new revision."""

    async def audit(self, limit: int, before: int | None = None) -> list[AuditEntry]:
        """The newest entries first; ``before`` is the ``id`` of the last one already had."""

    async def records(self, kind: str) -> list[Record]:
        """All records of one kind as they stand, by key, read in one step."""

    async def put(
        self, kind: str, key: str, document: Mapping[str, object], *, expect: int | None = None
    ) -> Record:
        """Write a record whole; visible to all when it returns, but a power cut may lose it.

        ``expect`` is the beat that it must have now, 0 that it must not be there: else
        ``RecordMoved`` and nothing is written. The document is JSON.
        """

    async def drop(self, kind: str, key: str, *, expect: int | None = None) -> None:
        """Take a record away; idempotent without ``expect``, which is as in ``put``."""

    def changes(self) -> AsyncIterator[None]:
        """Wakes whenever the state or a record may have changed, by whomever. Lossy.

        Wakes once at the start, so that nothing is missed between. Ends at ``close``. Every
        write wakes everybody, the writer too: writing at each wake would never end.
        """
