"""Somebody sets the wall clock, by a day, either way: what counts time by it, and what does not."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import pytest

from gateway.core.decision import decide
from gateway.core.outcomes import Reason
from gateway.core.overrides import Patch
from gateway.state.live import MOST_WAIT, LiveState
from tests.state.stage import NOW, Clock, FlakyStore, Swaps, is_on
from tests.support.flags import ask
from tests.support.members import AheadClock, MemberOfMany, soon

DAY = 86_400.0
FOR_A_MINUTE = Patch({"enabled": True}, lasts=60.0)

Join = Callable[..., Awaitable[MemberOfMany]]
Start = Callable[..., Awaitable[LiveState]]


@pytest.mark.parametrize("step", [DAY, -DAY], ids=["forward", "back"])
async def test_a_ttl_runs_on_whatever_the_wall_clock_says(
    start: Start, clock: Clock, store: FlakyStore, step: float
) -> None:
    steady = Clock()
    live = await start(monotonic=steady)
    left, reads = live._freshness.left(), store.reads
    clock.now += step
    assert live._freshness.left() == left == 300.0
    assert live._delay() == MOST_WAIT
    live._woken.set()
    await live.audit()
    assert store.reads == reads
    steady.now += 300
    live._woken.set()
    await soon(lambda: store.reads > reads)


async def test_a_lift_comes_at_the_time_that_it_was_promised_for(
    live: LiveState, clock: Clock, swaps: Swaps
) -> None:
    """It names a moment of the wall clock, as people do, and is held for longer, never shorter."""
    held = await live.flip("site", FOR_A_MINUTE, by="ann")
    clock.now -= DAY
    await live.fresh()
    assert is_on(live.snapshot)
    assert live._delay() <= MOST_WAIT  # the clock is looked at again, whatever it says
    clock.now = NOW + 59
    await live.fresh()
    assert is_on(live.snapshot)
    clock.now = NOW + 60
    live._woken.set()
    lifted = await swaps.until(lambda snapshot: not is_on(snapshot))
    assert lifted.revision == held.revision + 1


async def test_a_step_past_a_lift_ends_it_within_the_wait_and_a_step_back_revives_nothing(
    live: LiveState, clock: Clock, swaps: Swaps
) -> None:
    await live.flip("site", FOR_A_MINUTE, by="ann")
    clock.now += DAY
    assert live._delay() < 1.0
    live._woken.set()
    await swaps.until(lambda snapshot: not is_on(snapshot))
    clock.now -= DAY
    await live.fresh()
    assert not is_on(live.snapshot)
    assert live._stored.next_lift == math.inf


async def test_a_wall_clock_set_back_makes_no_lease_longer(join: Join, ahead: AheadClock) -> None:
    wall = AheadClock()
    one = await join("one", wall=wall)
    await one.freeze()
    wall.ahead -= DAY
    assert 8.0 < one.membership.lease.left <= 9.0
    ahead.ahead += 9
    assert decide(ask("/search"), one.live.current(), 0.0).reason is Reason.LEASE_OUT


@pytest.mark.parametrize("step", [DAY, -DAY], ids=["forward", "back"])
async def test_a_lease_is_had_again_after_the_wall_clock_was_set(
    join: Join, ahead: AheadClock, step: float
) -> None:
    wall = AheadClock()
    one, two = await join("one", wall=wall), await join("two")
    wall.ahead += step
    ahead.ahead += 3  # a renewal is due
    await soon(lambda: not one.membership.lease.out())
    assert decide(ask("/search"), one.live.current(), 0.0).reason is Reason.NO_FLAG_HOLDS
    assert 0.0 < one.membership.lease.left <= 9.0
    await soon(lambda: len(two.membership.members) == 2)
    assert all(member.is_here for member in two.membership.members)
