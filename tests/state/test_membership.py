"""A member's record and lease, and what members make of each other."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

import pytest

from gateway.core.decision import decide
from gateway.core.outcomes import Forward, Reason, Refuse
from gateway.core.overrides import Patch
from gateway.core.quiescence import Standing
from gateway.state.membership import MemberIsHere
from gateway.state.processes import Process, is_dead, this_process
from gateway.stores.base import Record, StoreError
from tests.support.flags import ask
from tests.support.members import AheadClock, MemberOfMany, SharedStore, soon

Join = Callable[..., Awaitable[MemberOfMany]]
ON = Patch({"enabled": True})


def record(shared: SharedStore, name: str) -> Record:
    return shared._records["members"][name]


def reason(member: MemberOfMany, target: str) -> Reason:
    return decide(ask(target), member.live.current(), 0.0).reason


async def test_a_member_is_registered_and_holds_a_lease_when_it_starts(
    join: Join, shared: SharedStore
) -> None:
    one = await join("one")
    document = record(shared, "one").document
    assert (document["state"], document["in_flight"]) == ("live", 0)
    assert not one.membership.lease.out()
    assert 8.0 < one.membership.lease.left <= 9.0


async def test_a_member_that_cannot_register_does_not_start(
    join: Join, shared: SharedStore
) -> None:
    await join("one")
    shared.broken = True
    with pytest.raises(StoreError):
        await join("two")


async def test_a_lease_that_has_run_out_holds_strict_flags_back_and_no_others(
    join: Join, ahead: AheadClock
) -> None:
    one = await join("one")
    assert reason(one, "/search/x") is Reason.NO_FLAG_HOLDS
    await one.freeze()
    ahead.ahead += 9
    assert decide(ask("/search/x"), one.live.current(), 0.0) == Refuse("search", Reason.LEASE_OUT)
    assert isinstance(decide(ask("/other"), one.live.current(), 0.0), Forward)
    assert not one.live.current().view("search").state.enabled


async def test_a_member_that_wakes_serves_again_once_it_has_renewed_and_loaded(
    join: Join, shared: SharedStore, ahead: AheadClock
) -> None:
    one = await join("one")
    shared.broken = True
    ahead.ahead += 10
    assert reason(one, "/search") is Reason.LEASE_OUT
    shared.broken = False
    await soon(lambda: reason(one, "/search") is Reason.NO_FLAG_HOLDS)


async def test_a_wall_clock_that_jumps_ends_the_lease(join: Join, ahead: AheadClock) -> None:
    wall = AheadClock()
    one = await join("one", wall=wall)
    await one.freeze()
    wall.ahead += 60
    assert reason(one, "/search") is Reason.LEASE_OUT


async def test_a_flip_is_acknowledged_at_once_while_somebody_guards(
    join: Join, shared: SharedStore
) -> None:
    one, two = await join("one"), await join("two")
    await one.guards.acquire("site", None, "me", {"command": "true"})
    await soon(lambda: two.membership._awaited)
    flipped = await one.live.flip("site", ON, by="ann")
    await soon(lambda: record(shared, "two").document["revision"] == flipped.revision)
    assert await one.drains.acknowledged(flipped.revision, 1.0) == ()


async def test_who_has_not_acknowledged_in_time_is_named(join: Join) -> None:
    one, two = await join("one"), await join("two")
    await two.freeze()
    flipped = await one.live.flip("site", ON, by="ann")
    await one.membership.renew()
    assert await one.drains.acknowledged(flipped.revision, 0.05) == ("two",)


async def test_a_member_that_becomes_busy_says_so_soon(join: Join, shared: SharedStore) -> None:
    one = await join("one")
    one.admit(ask("/"))
    await soon(lambda: record(shared, "one").document["in_flight"] == 1)


async def test_a_member_that_leaves_with_nothing_behind_takes_its_record_away(
    join: Join, shared: SharedStore
) -> None:
    one = await join("one")
    await one.membership.leaving()
    assert record(shared, "one").document["state"] == "leaving"
    await one.membership.leave()
    assert not shared._records["members"]


async def test_a_member_that_leaves_orphans_behind_leaves_a_record_of_them(
    join: Join, shared: SharedStore
) -> None:
    one = await join("one")
    one.admit(ask("/")).state = "abandoned"
    await one.membership.leave()
    document = record(shared, "one").document
    assert (document["state"], document["abandoned"]) == ("crashed", 1)


async def test_a_sibling_whose_process_is_dead_is_marked_as_crashed(
    join: Join, shared: SharedStore
) -> None:
    here = this_process()
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", "pass")
    await child.wait()
    two = await join("two", process=Process(here.host, here.boot, child.pid, "1"))
    two.admit(ask("/"))
    await two.membership.renew()
    await two.freeze()
    one = await join("one", process=here)
    await soon(lambda: record(shared, "two").document["state"] == "crashed")
    (found,) = [each for each in await one.membership.look() if each.name == "two"]
    assert (found.standing, found.in_flight) == (Standing.CRASHED, 1)


async def test_a_crashed_member_with_nothing_in_flight_is_forgotten(
    join: Join, shared: SharedStore
) -> None:
    await join("one")
    await shared.put("members", "old", {"state": "crashed", "in_flight": 0, "abandoned": 0})
    await soon(lambda: "old" not in shared._records["members"])


async def test_a_member_taken_for_crashed_registers_again_and_is_fenced_meanwhile(
    join: Join, shared: SharedStore
) -> None:
    one = await join("one")
    mine = record(shared, "one")
    await shared.put("members", "one", {**mine.document, "state": "crashed"})
    shared_read, one.live._shared_read = one.live._shared_read, _never
    await one.membership.renew()
    assert reason(one, "/search") is Reason.LEASE_OUT
    one.live._shared_read = shared_read
    await one.live.fresh()
    assert reason(one, "/search") is Reason.NO_FLAG_HOLDS
    assert record(shared, "one").document["state"] == "live"


async def _never() -> None:
    return None


async def test_only_a_member_that_is_silent_can_be_told_to_be_gone(
    join: Join, shared: SharedStore, ahead: AheadClock
) -> None:
    one, two = await join("one"), await join("two")
    with pytest.raises(MemberIsHere):
        await one.membership.forget("two")
    with pytest.raises(LookupError):
        await one.membership.forget("three")
    await two.freeze()
    await one.membership.look()
    ahead.ahead += 12
    await one.membership.forget("two")
    assert "two" not in shared._records["members"]


def test_a_process_is_dead_only_where_that_can_be_known() -> None:
    here = this_process()
    gone = Process(here.host, here.boot, 2**22 + 1, "1")
    assert not is_dead(here, here, one_machine=True)
    assert is_dead(gone, here, one_machine=False)
    assert is_dead(Process(here.host, here.boot, here.pid, "1"), here, one_machine=False)
    assert not is_dead(Process("elsewhere", here.boot, 1, "1"), here, one_machine=True)
    rebooted = Process(here.host, "another/pid:[1]", 1, "1")
    assert not is_dead(rebooted, here, one_machine=False)
    assert is_dead(rebooted, here, one_machine=True)
    kernel = here.boot.partition("/")[0]
    other_container = Process(here.host, f"{kernel}/pid:[1]", 2**22 + 1, "1")
    assert not is_dead(other_container, here, one_machine=True)
