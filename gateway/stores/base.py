"""What the gateway asks of a store: an atomic snapshot, and a durable compare-and-set.

A store keeps one revision counter, the overrides by flag, the digest of the YAML that was
last taken in, and the audit. Every change makes a new revision. Truth is ``read``; a
notification only wakes, and may be lost.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.core.overrides import Override


class StoreError(Exception):
    """The store could not be reached or could not write; nothing was changed."""


@dataclass(frozen=True, slots=True)
class StoredState:
    """All that the store knows at one revision, read in one step."""

    revision: int
    overrides: Mapping[str, Override]
    config_digest: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing somebody did. ``at`` is seconds since the epoch.

    The store gives ``id``, which grows, and for a change the ``revision`` that it made.
    """

    at: float
    by: str
    action: str  # flip, users, reset, lift, config, refused
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
    return StoredState(state.revision + 1, overrides, digest)


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
        """Apply an edit by compare-and-set; durable before it returns the new state."""

    async def record(self, entry: AuditEntry) -> None:
        """Note something that changed no flag (a refused call); no new revision."""

    async def audit(self, limit: int, before: int | None = None) -> list[AuditEntry]:
        """The newest entries first; ``before`` is the ``id`` of the last one already had."""

    def changes(self) -> AsyncIterator[None]:
        """Wakes whenever the state may have changed, by whomever. Lossy.

        Wakes once at the start, so that nothing is missed between. Ends at ``close``.
        """
