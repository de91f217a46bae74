"""What every store must do; each store's tests subclass it and give ``store``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest

from gateway.core.overrides import Lift, Override
from gateway.stores.base import (
    MOST_AUDIT_ENTRIES,
    AuditEntry,
    Change,
    Edit,
    Record,
    RecordMoved,
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
    lifts=(Lift(2_000.0, {"enabled": False}), Lift(3_000.0, {})),
    extra={"later": [1, None]},
)


def writing(changes: Mapping[str, Override | None], *, digest: str | None = None) -> Edit:
    entry = AuditEntry(1.0, "ann", "flip", "site", "why", {"enabled": [False, True]})
    return lambda _: Change(changes, (entry,), digest)


def _failing(_state: StoredState) -> Change | None:
    raise LookupError("no such flag")


def bare(state: StoredState) -> StoredState:
    """Without the epoch, which is random."""
    assert state.epoch
    return replace(state, epoch="")


class StoreContract:
    async def test_a_new_store_is_empty(self, store: Store) -> None:
        assert bare(await store.read()) == StoredState(0, {}, "")
        assert await store.audit(10) == []
        assert await store.records("member") == []

    async def test_what_was_written_is_read_back_whole(self, store: Store) -> None:
        after = await store.update(writing({"site": FULL}, digest="abc"))
        assert bare(after) == StoredState(1, {"site": FULL}, "abc")
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
        assert bare(await store.read()) == StoredState(0, {}, "")
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

    async def test_ids_of_the_audit_count_up_one_by_one(self, store: Store) -> None:
        await store.record(AuditEntry(1.0, "bob", "refused", ""))
        await store.update(writing({"a": FULL}))
        with pytest.raises(LookupError):
            await store.update(_failing)
        await store.record(AuditEntry(2.0, "bob", "refused", ""))
        first, second, third = [entry.id for entry in await store.audit(10)][::-1]
        assert (second, third) == (first + 1, first + 2)

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

    async def test_the_epoch_stays_from_change_to_change(self, store: Store) -> None:
        epoch = (await store.read()).epoch
        assert (await store.update(writing({"a": FULL}))).epoch == epoch
        assert (await store.read()).epoch == epoch

    async def test_a_record_is_read_back_whole_and_counts_its_writes(self, store: Store) -> None:
        document = {"state": "live", "since": 12.5, "users": ["zoë", None], "deep": {"a": 1}}
        assert await store.put("member", "a\nb", {}) == Record("a\nb", 1, {})
        written = Record("a\nb", 2, document)
        assert await store.put("member", "a\nb", document) == written
        assert await store.records("member") == [written]

    async def test_records_of_one_kind_are_by_key_and_apart_from_others(self, store: Store) -> None:
        for key in "bca":
            await store.put("member", key, {"is": key})
        await store.put("guard", "x", {})
        assert [record.key for record in await store.records("member")] == ["a", "b", "c"]
        assert await store.records("guard") == [Record("x", 1, {})]

    async def test_records_make_no_revision_and_no_audit(self, store: Store) -> None:
        before = await store.read()
        await store.put("member", "a", {})
        await store.drop("member", "a")
        assert await store.read() == before
        assert await store.audit(1) == []

    async def test_a_put_that_expects_another_beat_writes_nothing(self, store: Store) -> None:
        first = await store.put("guard", "site", {"owner": "ann"}, expect=0)
        for expected in (0, 2):
            with pytest.raises(RecordMoved) as caught:
                await store.put("guard", "site", {"owner": "bob"}, expect=expected)
            assert caught.value.current == first
        second = await store.put("guard", "site", {"owner": "ann"}, expect=1)
        assert await store.records("guard") == [second] == [replace(first, beat=2)]

    async def test_a_put_over_a_record_that_is_gone_says_so(self, store: Store) -> None:
        with pytest.raises(RecordMoved) as caught:
            await store.put("guard", "site", {}, expect=3)
        assert caught.value.current is None
        assert await store.records("guard") == []

    async def test_of_many_that_create_one_record_one_succeeds(self, store: Store) -> None:
        tries = [store.put("guard", "site", {"by": n}, expect=0) for n in range(8)]
        results = await asyncio.gather(*tries, return_exceptions=True)
        (made,) = [result for result in results if isinstance(result, Record)]
        assert sum(isinstance(result, RecordMoved) for result in results) == 7
        assert await store.records("guard") == [made]

    async def test_a_dropped_record_is_gone_and_counts_anew(self, store: Store) -> None:
        await store.put("member", "a", {})
        await store.put("member", "a", {})
        await store.drop("member", "a")
        await store.drop("member", "a")
        assert await store.records("member") == []
        assert (await store.put("member", "a", {}, expect=0)).beat == 1

    async def test_a_drop_that_expects_another_beat_drops_nothing(self, store: Store) -> None:
        kept = await store.put("guard", "site", {"owner": "ann"})
        with pytest.raises(RecordMoved) as caught:
            await store.drop("guard", "site", expect=2)
        assert caught.value.current == kept
        await store.drop("guard", "site", expect=1)
        with pytest.raises(RecordMoved):
            await store.drop("guard", "site", expect=1)

    async def test_what_a_caller_changes_later_is_not_changed_in_the_store(
        self, store: Store
    ) -> None:
        users = ["ann"]
        await store.put("drain", "a", {"users": users})
        users.append("bob")
        assert (await store.records("drain"))[0].document == {"users": ["ann"]}

    async def test_changes_wake_at_the_start_and_for_own_writes(self, store: Store) -> None:
        changes = store.changes()
        await asyncio.wait_for(anext(changes), 5)
        waiting = asyncio.ensure_future(anext(changes))
        await store.update(writing({"a": FULL}))
        await asyncio.wait_for(waiting, 5)

    async def test_changes_wake_for_records(self, store: Store) -> None:
        changes = store.changes()
        await asyncio.wait_for(anext(changes), 5)
        for writing_it in (store.put("member", "a", {}), store.drop("member", "a")):
            waiting = asyncio.ensure_future(anext(changes))
            await writing_it
            await asyncio.wait_for(waiting, 5)

    async def test_changes_end_when_the_store_is_closed(self, store: Store) -> None:
        changes = store.changes()
        await asyncio.wait_for(anext(changes), 5)

        async def listen() -> None:
            async for _ in changes:
                pass

        listening = asyncio.ensure_future(listen())
        await asyncio.sleep(0)
        await store.close()
        await asyncio.wait_for(listening, 5)

    async def test_a_closed_store_says_so(self, store: Store) -> None:
        await store.close()
        await store.close()
        with pytest.raises(StoreError, match="closed"):
            await store.read()
        with pytest.raises(StoreError, match="closed"):
            await store.update(writing({"a": FULL}))
        with pytest.raises(StoreError, match="closed"):
            await store.put("member", "a", {})
