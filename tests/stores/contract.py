"""What every store must do; each store's tests subclass it and give ``store``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from gateway.core.overrides import Lift, Override
from gateway.stores.base import (
    MOST_AUDIT_ENTRIES,
    AuditEntry,
    Change,
    Edit,
    Store,
    StoredState,
    StoreError,
)

FULL = Override(
    digest="d",
    values={"enabled": True, "users": ["ann", "zoë"], "rollout": 12.5, "page.retry_after": 60},
    at=1_000.25,
    by="ann",
    reason="move",
    lift=Lift(2_000.0, {"enabled": False}, Lift(3_000.0, {})),
    extra={"later": [1, None]},
)


def writing(changes: Mapping[str, Override | None], *, digest: str | None = None) -> Edit:
    entry = AuditEntry(1.0, "ann", "flip", "site", "why", {"enabled": [False, True]})
    return lambda _: Change(changes, (entry,), digest)


class StoreContract:
    async def test_a_new_store_is_empty(self, store: Store) -> None:
        assert await store.read() == StoredState(0, {}, "")
        assert await store.audit(10) == []

    async def test_what_was_written_is_read_back_whole(self, store: Store) -> None:
        after = await store.update(writing({"site": FULL}, digest="abc"))
        assert after == StoredState(1, {"site": FULL}, "abc")
        assert await store.read() == after

    async def test_an_edit_sees_the_state_as_it_stands(self, store: Store) -> None:
        await store.update(writing({"site": FULL}, digest="abc"))
        seen: list[StoredState] = []
        await store.update(seen.append)
        assert seen[-1] == await store.read()

    async def test_an_edit_touches_only_the_flags_it_names(self, store: Store) -> None:
        await store.update(writing({"a": FULL, "b": FULL}))
        after = await store.update(writing({"a": None}))
        assert set(after.overrides) == {"b"}
        assert await store.read() == after

    async def test_no_change_makes_no_revision_and_no_audit(self, store: Store) -> None:
        before = await store.update(writing({"a": FULL}))
        assert await store.update(lambda _: None) == before
        assert len(await store.audit(10)) == 1

    async def test_a_failing_edit_changes_nothing_and_its_error_comes_out(
        self, store: Store
    ) -> None:
        def edit(state: StoredState) -> Change | None:
            raise LookupError("no such flag")

        with pytest.raises(LookupError, match="no such flag"):
            await store.update(edit)
        assert await store.read() == StoredState(0, {}, "")
        assert (await store.update(writing({"a": FULL}))).revision == 1

    async def test_concurrent_updates_are_all_counted(self, store: Store) -> None:
        def adding(name: str) -> Edit:
            return lambda state: Change({f"{name}-{state.revision}": FULL})

        await asyncio.gather(*(store.update(adding(f"flag{n}")) for n in range(20)))
        after = await store.read()
        assert after.revision == 20
        assert len(after.overrides) == 20

    async def test_the_audit_is_newest_first_and_has_the_revision(self, store: Store) -> None:
        await store.update(writing({"a": FULL}))
        await store.update(writing({"a": None}))
        await store.record(AuditEntry(2.0, "bob", "refused", "", "401", revision=2))
        newest, *rest = await store.audit(10)
        assert (newest.by, newest.action, newest.changes) == ("bob", "refused", None)
        assert [entry.revision for entry in rest] == [2, 1]
        assert rest[0].changes == {"enabled": [False, True]}

    async def test_the_audit_is_paged_by_id(self, store: Store) -> None:
        for number in range(5):
            await store.record(AuditEntry(float(number), "bob", "refused", ""))
        first = await store.audit(2)
        second = await store.audit(2, before=first[-1].id)
        assert [entry.at for entry in (*first, *second)] == [4.0, 3.0, 2.0, 1.0]

    async def test_the_audit_keeps_only_the_newest(self, store: Store) -> None:
        entries = tuple(
            AuditEntry(float(n), "ann", "flip", "a") for n in range(MOST_AUDIT_ENTRIES + 3)
        )
        await store.update(lambda _: Change({}, entries))
        kept = await store.audit(MOST_AUDIT_ENTRIES + 10)
        assert (len(kept), kept[-1].at) == (MOST_AUDIT_ENTRIES, 3.0)

    async def test_a_record_makes_no_revision(self, store: Store) -> None:
        await store.record(AuditEntry(1.0, "\udc80", "refused", "", "not utf-8: \ud800"))
        assert (await store.read()).revision == 0
        assert len(await store.audit(1)) == 1

    async def test_changes_wake_at_the_start_and_for_own_writes(self, store: Store) -> None:
        changes = store.changes()
        await asyncio.wait_for(anext(changes), 5)
        waiting = asyncio.ensure_future(anext(changes))
        await store.update(writing({"a": FULL}))
        await asyncio.wait_for(waiting, 5)

    async def test_changes_end_when_the_store_is_closed(self, store: Store) -> None:
        changes = store.changes()
        await asyncio.wait_for(anext(changes), 5)
        waiting = asyncio.ensure_future(anext(changes, "over"))
        await asyncio.sleep(0)
        await store.close()
        assert await asyncio.wait_for(waiting, 5) == "over"

    async def test_a_closed_store_says_so(self, store: Store) -> None:
        await store.close()
        await store.close()
        with pytest.raises(StoreError, match="closed"):
            await store.read()
        with pytest.raises(StoreError, match="closed"):
            await store.update(writing({"a": FULL}))
