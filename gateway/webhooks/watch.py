"""What nobody does, and yet is news: a YAML that is wrong, a flag forgotten, a guard abandoned.

Each member sees such things for itself, and again and again. Whoever tells writes them to the
audit once, where they become events like any other; what it has written is kept with its claim,
for the one that tells after it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.state.forgotten import Forgotten
from gateway.state.guard_entries import guard_entry
from gateway.state.guards import Guarding, Guards
from gateway.state.membership import Membership
from gateway.stores.base import AuditEntry, Store
from gateway.webhooks.teller import Teller

MOST_KNOWN = 1000  # abandoned guards; those beyond are told of once others are gone


class Watch:
    """``forgotten`` are the flags on for too long, as this member sees them; ``revision`` is its.

    ``clock`` is seconds since the epoch.
    """

    def __init__(
        self,
        store: Store,
        teller: Teller,
        membership: Membership,
        forgotten: Callable[[], Sequence[Forgotten]],
        revision: Callable[[], int],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._teller = teller
        self._membership = membership
        self._forgotten = forgotten
        self._revision = revision
        self._clock = clock
        self._guards = Guards(store)

    async def look(self) -> bool:
        """Note what is new; False: another one tells by now. Raises ``StoreError``."""
        known = self._teller.known
        wrong, forgotten = self._wrong(), list(self._forgotten())
        guards = await self._guards.all()
        abandoned = [each for each in guards if each.abandoned][:MOST_KNOWN]
        now = {
            "wrong": wrong,
            "forgotten": [each.flag for each in forgotten],
            "abandoned": [each.id for each in abandoned],
        }
        if now == {"wrong": "", "forgotten": [], "abandoned": [], **known}:
            return True
        for entry in self._entries(known, wrong, forgotten, abandoned):
            await self._store.record(entry)
        return await self._teller.note(now)

    def _wrong(self) -> str:
        # One text of all members that are here: of one file that several read there is one.
        said = {
            str(each.record.document.get("config") or "")
            for each in self._membership.members
            if each.is_here
        }
        return "; ".join(sorted(said - {""}))

    def _entries(
        self,
        known: Mapping[str, Any],
        wrong: str,
        forgotten: Sequence[Forgotten],
        abandoned: Sequence[Guarding],
    ) -> list[AuditEntry]:
        now, revision = self._clock(), self._revision()
        entries = []
        if wrong != known.get("wrong", ""):
            said = wrong or "the YAML is valid again"
            entries.append(
                AuditEntry(now, "yaml", "config", "", said, {"valid": not wrong}, revision)
            )
        entries += [
            AuditEntry(
                now,
                "clock",
                "forgotten",
                each.flag,
                "on for longer than its max",
                {"since": each.since, "max": each.longest},
                revision,
            )
            for each in forgotten
            if each.flag not in known.get("forgotten", ())
        ]
        entries += [
            guard_entry(each, "abandoned", now, revision)
            for each in abandoned
            if each.id not in known.get("abandoned", ())
        ]
        return entries
