"""The store fails: the last known state goes on, and nothing opens."""

from __future__ import annotations

import pytest

from gateway.core.overrides import Patch
from gateway.state.live import LiveState
from gateway.stores.base import StoreError
from tests.state.stage import ON, Clock, FlakyStore, Log, Swaps, is_on


async def test_a_flip_that_cannot_be_stored_changes_nothing(
    live: LiveState, store: FlakyStore
) -> None:
    before = live.snapshot
    store.broken = True
    with pytest.raises(StoreError):
        await live.flip("site", ON, by="ann")
    assert live.snapshot is before
    assert live.store_error == "the disk is gone"


async def test_asking_a_store_out_of_reach_gives_the_last_known_state(
    live: LiveState, store: FlakyStore
) -> None:
    known = await live.flip("site", ON, by="ann")
    store.broken = True
    assert await live.fresh() is known
    assert live.store_error == "the disk is gone"


async def test_a_store_that_is_back_is_found_by_itself(
    live: LiveState, store: FlakyStore, log: Log
) -> None:
    store.broken = True
    await live.fresh()
    store.broken = False
    await log.until("the store is back")
    assert live.store_error is None


async def test_an_outage_is_logged_once(live: LiveState, store: FlakyStore, log: Log) -> None:
    store.broken = True
    for _ in range(5):
        await live.fresh()
    assert log.count("cannot be reached") == 1


async def test_a_lift_is_due_although_the_store_is_out_of_reach(
    live: LiveState, clock: Clock, store: FlakyStore, swaps: Swaps, log: Log
) -> None:
    held = await live.flip("site", Patch({"enabled": True}, lasts=60.0), by="ann")
    store.broken = True
    clock.now += 60
    live._woken.set()
    lifted = await swaps.until(lambda snapshot: not is_on(snapshot))
    assert lifted.revision == held.revision
    store.broken = False
    written = await swaps.until(lambda snapshot: snapshot.revision > held.revision)
    assert not is_on(written)
    assert (await live.audit())[0].action == "lift"


async def test_a_store_that_went_back_is_not_believed(
    live: LiveState, store: FlakyStore, log: Log
) -> None:
    known = await live.flip("site", ON, by="ann")
    store.go_back(1)
    await log.until("went back from revision 2 to 1")
    assert await live.fresh() is known
    assert is_on(live.snapshot)
    assert live.store_error is not None
    with pytest.raises(StoreError, match="went back"):
        await live.flip("site", Patch({"enabled": False}), by="ann")
    assert is_on(live.snapshot)


async def test_closing_twice_is_closing_once(live: LiveState) -> None:
    await live.close()
    await live.close()
