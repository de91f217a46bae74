"""Several members on one store: who is waited for, and what the answer says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from gateway.core.overrides import Patch
from gateway.state.live import UnknownFlag
from gateway.stores.base import StoredState, StoreError
from tests.support.flags import ask
from tests.support.members import AheadClock, MemberOfMany, Request, SharedStore, soon

ON = Patch({"enabled": True})
Join = Callable[..., Awaitable[MemberOfMany]]


async def test_idle_members_are_drained_at_once(join: Join) -> None:
    one, _ = await join("one"), await join("two")
    await one.live.flip("site", ON, by="ann")
    drained = await one.drains.drain(Request("site", timeout=60))
    assert drained.drained, drained
    assert drained.tally.members == ("one", "two")
    assert drained.waited < 0.9  # told, not found out by the look of each second


async def test_what_another_member_forwards_is_waited_for(join: Join) -> None:
    one, two = await join("one"), await join("two")
    exchange = two.admit(ask("/x"))
    await one.live.flip("site", ON, by="ann")
    drain = asyncio.create_task(one.drains.drain(Request("site", timeout=60)))
    await soon(lambda: two.reports._answers)
    assert not drain.done()
    exchange.state = "finished"
    drained = await drain
    assert (drained.drained, drained.tally.finished) == (True, 1)


async def test_only_the_users_own_requests_are_waited_for(join: Join) -> None:
    one, two = await join("one"), await join("two")
    two.admit(ask("/", cookie="uid=bob"))
    await one.live.change_users("reindex", add=["ann"], by="ops")
    assert (await one.drains.drain(Request("reindex", "ann", timeout=60))).drained


async def test_a_drain_that_takes_too_long_says_on_whom_it_waits(join: Join) -> None:
    one, two = await join("one"), await join("two")
    two.admit(ask("/"))
    await one.live.flip("site", ON, by="ann")
    drained = await one.drains.drain(Request("site", timeout=0.1))
    assert not drained.drained
    assert drained.tally.in_flight == 1
    assert "two has 1 in flight" in str(drained.document()["reason"])


async def test_endless_exchanges_are_closed_after_the_grace(join: Join, ahead: AheadClock) -> None:
    one = await join("one")
    one.admit(ask("/live"), endless=True)
    await one.live.flip("site", ON, by="ann")
    drain = asyncio.create_task(one.drains.drain(Request("site", timeout=60)))
    await soon(lambda: one.reports._answers)
    ahead.ahead += 10
    drained = await drain
    assert (drained.drained, drained.tally.cut) == (True, 1)


async def test_abandoned_exchanges_refuse_unless_they_are_accepted(join: Join) -> None:
    one = await join("one")
    one.admit(ask("/")).state = "abandoned"
    await one.live.flip("site", ON, by="ann")
    refused = await one.drains.drain(Request("site", timeout=60))
    assert (refused.drained, refused.tally.abandoned) == (False, 1)
    accepted = await one.drains.drain(Request("site", timeout=60, accept_orphans=True))
    assert (accepted.drained, accepted.tally.abandoned) == (True, 1)


async def test_a_silent_member_is_waited_for_unless_the_flag_is_strict(
    join: Join, ahead: AheadClock
) -> None:
    one, two = await join("one"), await join("two")
    await two.freeze()
    await one.live.flip("site", ON, by="ann")
    await one.live.flip("search", ON, by="ann")
    await one.membership.look()
    ahead.ahead += 12
    await one.membership.renew()
    await one.live.fresh()
    await one.membership.look()
    waiting = await one.drains.drain(Request("site", timeout=0.1))
    assert not waiting.drained
    assert "two is silent" in str(waiting.reason)
    strict = await one.drains.drain(Request("search", timeout=60))
    assert (strict.drained, strict.tally.missing) == (True, ("two",))
    gone = await one.drains.drain(Request("site", timeout=60, assume_gone=frozenset({"two"})))
    assert (gone.drained, gone.tally.missing) == (True, ("two",))


async def test_a_flag_that_is_off_is_not_drained(join: Join) -> None:
    one = await join("one")
    assert "not on" in str((await one.drains.drain(Request("site"))).reason)
    assert "not on for user ann" in str((await one.drains.drain(Request("reindex", "ann"))).reason)
    with pytest.raises(UnknownFlag):
        await one.drains.drain(Request("none"))


async def test_a_flag_lifted_while_draining_is_not_drained(join: Join) -> None:
    one = await join("one")
    exchange = one.admit(ask("/"))
    await one.live.flip("site", ON, by="ann")
    drain = asyncio.create_task(one.drains.drain(Request("site", timeout=2)))
    await soon(lambda: one.reports._answers)
    await one.live.reset("site", by="bob")
    exchange.state = "finished"
    drained = await drain
    assert not drained.drained
    assert drained.reason == "the flag is not on"


async def test_a_store_made_anew_is_never_drained(join: Join, shared: SharedStore) -> None:
    one = await join("one")
    await one.live.flip("site", ON, by="ann")
    shared._state = StoredState(9, {}, shared._state.config_digest, "another")
    drained = await one.drains.drain(Request("site", timeout=1))
    assert not drained.drained
    assert "created anew" in str(drained.reason)
    assert one.live.current().view("site").state.enabled
    with pytest.raises(StoreError):
        await one.live.flip("site", Patch({"enabled": False}), by="ann")


async def test_a_drain_leaves_no_records_behind(join: Join, shared: SharedStore) -> None:
    one, _ = await join("one"), await join("two")
    await one.live.flip("site", ON, by="ann")
    await one.drains.drain(Request("site", timeout=60))
    await soon(lambda: not shared._records["reports"] and not shared._records["drains"])


async def test_users_one_after_another_are_drained_in_milliseconds(join: Join) -> None:
    members = [await join(name) for name in ("one", "two", "three")]
    one, began = members[0], time.monotonic()
    for number in range(100):
        user = f"user{number}"
        await one.live.change_users("reindex", add=[user], by="ops")
        assert (await one.drains.drain(Request("reindex", user, timeout=60))).drained
        await one.live.change_users("reindex", remove=[user], by="ops")
    assert (time.monotonic() - began) / 100 < 0.1  # some 2 ms; a machine may be busy


async def test_a_store_out_of_reach_is_waited_for(join: Join, shared: SharedStore) -> None:
    one = await join("one")
    await one.live.flip("site", ON, by="ann")
    shared.broken = True
    failed = await one.drains.drain(Request("site", timeout=0.3))
    assert not failed.drained
    assert "out of reach" in str(failed.reason)
    drain = asyncio.create_task(one.drains.drain(Request("site", timeout=60)))
    await asyncio.sleep(0)
    shared.broken = False
    assert (await drain).drained


async def test_two_drains_at_once_do_not_disturb_each_other(join: Join) -> None:
    one, two = await join("one"), await join("two")
    users = [f"user{number}" for number in range(20)]

    async def guarded(member: MemberOfMany, user: str) -> bool:
        await member.live.change_users("reindex", add=[user], by="ops")
        drained = await member.drains.drain(Request("reindex", user, timeout=60))
        await member.live.change_users("reindex", remove=[user], by="ops")
        return drained.drained

    members = [one, two] * 10
    assert all(await asyncio.gather(*map(guarded, members, users)))
