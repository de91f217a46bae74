"""Who tells: one member for all, for as long as it is one.

A record names it, by compare-and-set. Whoever finds that the member named is no longer here, by
the members' own leases, puts itself in its place; so no lease is needed beside the member's. One
that was taken for gone, and is not, sends nothing once its own lease is out; should it be in the
middle of a message, that message may come twice, with the same id.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.state.membership import Membership
from gateway.stores.base import Record, RecordMoved, Store

KIND, KEY = "teller", "webhooks"
NOBODY = ""  # no member's name


class Teller:
    """This member's claim to tell. All methods raise ``StoreError``.

    ``known`` is what the tellers before it, and itself, have noted (``note``): as JSON.
    """

    def __init__(self, store: Store, membership: Membership) -> None:
        self._store = store
        self._membership = membership
        self._record: Record | None = None

    @property
    def known(self) -> Mapping[str, object]:
        found = None if self._record is None else self._record.document.get("known")
        return found if isinstance(found, dict) else {}

    @property
    def may(self) -> bool:
        """Whether this member is not taken for gone by now."""
        return not self._membership.lease.out()

    async def claim(self) -> bool:
        """Whether it is this member who tells, from now on or still."""
        records = await self._store.records(KIND)
        found = records[0] if records else None
        named = None if found is None else str(found.document.get("member"))
        if named not in {None, self._membership.name} and await self._is_here(str(named)):
            self._record = None
            return False
        known = {} if found is None else found.document.get("known", {})
        return await self._put(known, 0 if found is None else found.beat)

    async def note(self, known: Mapping[str, object]) -> bool:
        """Keep this for the tellers to come; False: another one tells by now."""
        return self._record is not None and await self._put(known, self._record.beat)

    async def release(self) -> None:
        """Let another one tell."""
        if self._record is not None:
            await self._put(self.known, self._record.beat, NOBODY)

    async def still(self) -> bool:
        """Whether nobody else has taken over."""
        records = await self._store.records(KIND)
        return bool(records) and records[0].document.get("member") == self._membership.name

    async def _put(self, known: object, beat: int, member: str | None = None) -> bool:
        named = self._membership.name if member is None else member
        document = {"member": named, "known": known}
        try:
            self._record = await self._store.put(KIND, KEY, document, expect=beat)
        except RecordMoved:
            self._record = None
        return self._record is not None

    async def _is_here(self, name: str) -> bool:
        # Read anew: it may have come after the last look at the members.
        return any(each.name == name and each.is_here for each in await self._membership.look())
