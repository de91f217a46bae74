"""Flips: durable and swapped in before they return, refused whole or done whole."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.overrides import Patch, PatchError
from gateway.state.live import LiveState, RevisionMoved, UnknownFlag
from gateway.stores.base import AuditEntry, StoreError
from gateway.stores.sqlite import SqliteStore
from tests.state.conftest import Start
from tests.state.stage import NOW, ON, SETTINGS, Clock, FlakyStore, Swaps, is_on, users

OFF = Patch({"enabled": False})


async def test_before_any_flip_the_yaml_holds(live: LiveState) -> None:
    view = live.snapshot.view("site")
    assert view is not None
    assert (view.origin, view.state.enabled, view.since) == ("yaml", False, None)


async def test_a_flip_is_in_the_store_and_swapped_in_when_it_returns(
    live: LiveState, store: FlakyStore
) -> None:
    before = live.snapshot.revision
    snapshot = await live.flip("site", Patch({"enabled": True}, "move"), by="ann")
    assert live.snapshot is snapshot
    assert (snapshot.revision, is_on(snapshot)) == (before + 1, True)
    assert (await store.read()).overrides["site"].values == {"enabled": True}
    view = snapshot.view("site")
    assert view is not None
    assert (view.origin, view.since, view.by, view.reason) == ("override", NOW, "ann", "move")


async def test_a_flip_is_audited(live: LiveState) -> None:
    snapshot = await live.flip("site", Patch({"enabled": True}, "move"), by="ann")
    entry = (await live.audit())[0]
    assert (entry.at, entry.by, entry.action, entry.flag) == (NOW, "ann", "flip", "site")
    assert (entry.reason, entry.changes) == ("move", {"enabled": True})
    assert entry.revision == snapshot.revision


async def test_a_flip_that_changes_nothing_makes_no_revision(live: LiveState) -> None:
    first = await live.flip("site", ON, by="ann")
    entries = len(await live.audit())
    assert await live.flip("site", ON, by="bob") is first
    assert len(await live.audit()) == entries


async def test_a_flip_of_a_moved_revision_is_refused_even_where_nothing_would_change(
    live: LiveState,
) -> None:
    seen = live.snapshot.revision
    await live.flip("site", ON, by="ann", if_match=seen)
    with pytest.raises(RevisionMoved) as caught:
        await live.flip("site", ON, by="bob", if_match=seen)
    assert caught.value.current == seen + 1
    assert live.snapshot.revision == seen + 1


async def test_only_one_of_many_with_the_same_if_match_wins(live: LiveState) -> None:
    seen = live.snapshot.revision
    done = await asyncio.gather(
        *(live.flip("site", Patch({"ttl": n}), by="x", if_match=seen) for n in range(1, 11)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, RevisionMoved) for each in done) == 9


async def test_an_unknown_flag_is_an_error(live: LiveState) -> None:
    for call in (
        live.flip("nope", ON, by="ann"),
        live.change_users("nope", add=["bob"], by="ann"),
        live.reset("nope", by="ann"),
    ):
        with pytest.raises(UnknownFlag):
            await call


async def test_users_on_a_flag_without_user_change_nothing(live: LiveState) -> None:
    before = live.snapshot
    with pytest.raises(PatchError):
        await live.flip("site", Patch({"users": ["bob"], "enabled": True}), by="ann")
    with pytest.raises(PatchError):
        await live.change_users("site", add=["bob"], by="ann")
    assert live.snapshot is before


async def test_users_are_added_and_removed(live: LiveState) -> None:
    snapshot = await live.change_users("reindex", add=["ann", "bob"], by="eve", reason="slow")
    assert users(snapshot) == ("ann", "bob")
    snapshot = await live.change_users("reindex", remove=["ann"], by="eve")
    assert users(snapshot) == ("bob",)
    assert await live.change_users("reindex", remove=["ann"], by="eve") is snapshot
    newest, before = (await live.audit())[:2]
    assert newest.changes == {"users": {"add": [], "remove": ["ann"]}}
    assert (before.action, before.reason) == ("users", "slow")


async def test_many_adding_users_at_once_all_succeed(live: LiveState) -> None:
    await asyncio.gather(
        *(live.change_users("reindex", add=[f"u{n}"], by="eve") for n in range(50))
    )
    assert set(users(live.snapshot)) == {f"u{n}" for n in range(50)}


async def test_reset_goes_back_to_the_yaml(live: LiveState, store: FlakyStore) -> None:
    await live.flip("site", ON, by="ann")
    snapshot = await live.reset("site", by="bob", reason="done")
    assert not is_on(snapshot)
    assert (await store.read()).overrides == {}
    entry = (await live.audit())[0]
    assert (entry.action, entry.by, entry.reason) == ("reset", "bob", "done")
    assert await live.reset("site", by="bob") is snapshot


async def test_a_listener_is_called_at_each_swap_until_it_leaves(live: LiveState) -> None:
    seen: list[int] = []
    leave = live.subscribe(lambda snapshot: seen.append(snapshot.revision))
    first = await live.flip("site", ON, by="ann")
    assert seen == [first.revision]
    leave()
    await live.flip("site", OFF, by="ann")
    assert seen == [first.revision]


async def test_a_refused_call_can_be_recorded(live: LiveState) -> None:
    await live.record(AuditEntry(NOW, "bob", "refused", "site", "403"))
    assert (await live.audit(1))[0].action == "refused"


# Several members on one file


async def test_a_flip_of_one_member_reaches_the_other(start: Start, tmp_path: Path) -> None:
    one = await start(store=SqliteStore(tmp_path / "gateway.db"))
    other = await start(store=SqliteStore(tmp_path / "gateway.db"))
    swaps = Swaps(other)
    await one.flip("site", ON, by="ann")
    assert is_on(await swaps.until(is_on))
    assert other.snapshot.revision == one.snapshot.revision


async def test_members_with_one_yaml_take_it_in_once(start: Start, tmp_path: Path) -> None:
    for _ in range(3):
        live = await start(store=SqliteStore(tmp_path / "gateway.db"))
    assert live.snapshot.revision == 1


async def test_a_flip_survives_a_restart(start: Start, tmp_path: Path) -> None:
    first = await start(store=SqliteStore(tmp_path / "gateway.db"))
    snapshot = await first.flip("site", ON, by="ann")
    await first.close()
    again = await start(store=SqliteStore(tmp_path / "gateway.db"))
    assert (again.snapshot.revision, is_on(again.snapshot)) == (snapshot.revision, True)


async def test_a_yaml_edited_while_nothing_ran_drops_what_lapsed(
    start: Start, tmp_path: Path
) -> None:
    first = await start(store=SqliteStore(tmp_path / "gateway.db"))
    await first.flip("site", ON, by="ann")
    await first.close()
    site = replace(SETTINGS.flags[0], state=replace(SETTINGS.flags[0].state, message="x"))
    edited = await start(
        replace(SETTINGS, flags=(site,)), store=SqliteStore(tmp_path / "gateway.db")
    )
    assert not is_on(edited.snapshot)
    await edited.close()
    reverted = await start(store=SqliteStore(tmp_path / "gateway.db"))
    assert not is_on(reverted.snapshot)


# Time


async def test_a_lift_ends_a_flip_and_is_written_down(
    live: LiveState, clock: Clock, store: FlakyStore, swaps: Swaps
) -> None:
    held = await live.flip("site", Patch({"enabled": True}, "move", lasts=60.0), by="ann")
    clock.now += 60
    live._woken.set()
    lifted = await swaps.until(lambda snapshot: not is_on(snapshot))
    assert lifted.revision == held.revision + 1
    assert (await store.read()).overrides == {}
    entry = (await live.audit())[0]
    assert (entry.action, entry.flag, entry.by) == ("lift", "site", "ann")
    assert entry.changes == {"enabled": False}


async def test_one_member_writes_a_lift_down_and_all_follow(
    start: Start, clock: Clock, tmp_path: Path
) -> None:
    members = [await start(store=SqliteStore(tmp_path / "gateway.db")) for _ in range(2)]
    held = await members[0].flip("site", Patch({"enabled": True}, lasts=60.0), by="ann")
    await members[1].fresh()
    clock.now += 60
    for member in members:
        member._woken.set()
    for member in members:
        await Swaps(member).until(
            lambda snapshot: not is_on(snapshot) and snapshot.revision > held.revision
        )
        assert member.snapshot.revision == held.revision + 1
    lifts = [entry for entry in await members[0].audit() if entry.action == "lift"]
    assert len(lifts) == 1


async def test_a_lift_due_while_nothing_ran_is_applied_at_the_start(
    start: Start, clock: Clock, tmp_path: Path
) -> None:
    first = await start(store=SqliteStore(tmp_path / "gateway.db"))
    await first.flip("site", Patch({"enabled": True}, lasts=60.0), by="ann")
    await first.close()
    clock.now += 61
    again = await start(store=SqliteStore(tmp_path / "gateway.db"))
    assert not is_on(again.snapshot)


async def test_when_a_ttl_has_run_out_the_store_is_read_again(
    live: LiveState, clock: Clock, store: FlakyStore, swaps: Swaps
) -> None:
    await live.fresh()
    held = await store.read()
    override = (await live.flip("site", ON, by="ann")).view("site")
    assert override is not None
    await live.reset("site", by="ann")
    # A push that was lost: the state moves and nobody is told.
    store._state = replace(
        held, revision=live.snapshot.revision + 1, overrides={"site": override.override}
    )
    await live.audit()
    assert not is_on(live.snapshot)
    clock.now += 300
    live._woken.set()
    assert is_on(await swaps.until(is_on))


# Asking


async def test_fresh_sees_what_was_written_before_it_was_called(
    start: Start, tmp_path: Path
) -> None:
    one = await start(store=SqliteStore(tmp_path / "gateway.db"))
    other = await start(store=SqliteStore(tmp_path / "gateway.db", poll=60))
    for patch, held in ((ON, True), (OFF, False), (ON, True)):
        await one.flip("site", patch, by="ann")
        assert is_on(await other.fresh()) is held


async def test_those_who_ask_together_share_one_read(live: LiveState, store: FlakyStore) -> None:
    await live.fresh()
    before = store.reads
    await asyncio.gather(*(live.fresh() for _ in range(100)))
    assert store.reads - before <= 2  # theirs, and perhaps one that a push asked for


async def test_a_store_out_of_reach_at_the_start_is_a_refusal(
    start: Start, store: FlakyStore, tmp_path: Path
) -> None:
    store.broken = True
    with pytest.raises(StoreError):
        await start()
    with pytest.raises(StoreError):
        await start(store=SqliteStore(tmp_path / "nowhere" / "gateway.db"))
