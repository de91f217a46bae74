"""Drains at the edges of a window: what was let through before it began is seen, by any clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from gateway.core.overrides import Patch
from gateway.core.windows import Occurrence, Window
from tests.support.flags import ask, flag
from tests.support.members import (
    AheadClock,
    Exchange,
    MemberOfMany,
    Request,
    SharedStore,
    member,
    soon,
)

START = time.time() + 3600.0
WINDOW = Window(Occurrence(START, START + 3600.0))
PLAIN = flag("site", enabled=False)
FLAG = replace(PLAIN, state=replace(PLAIN.state, window=WINDOW))

Wall = Callable[[], float]
Join = Callable[[str, Wall], Awaitable[MemberOfMany]]


class WallClock:
    """Stands still ``at`` a time."""

    def __init__(self, at: float = START - 60.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


@pytest.fixture
async def enter(shared: SharedStore) -> AsyncIterator[Join]:
    entered: list[MemberOfMany] = []

    async def enter(name: str, clock: Wall) -> MemberOfMany:
        found = member(name, shared, FLAG, monotonic=AheadClock(), clock=clock)
        entered.append(found)
        await found.start()
        return found

    yield enter
    for each in entered:
        await each.close()


def is_on(one: MemberOfMany) -> bool:
    return one.live.snapshot.views[0].state.enabled


async def test_before_it_begins_there_is_nothing_to_drain(enter: Join) -> None:
    one = await enter("one", WallClock())
    drained = await one.drains.drain(Request("site", timeout=5))
    assert drained.reason == "the flag is not on"


async def test_what_was_let_through_just_before_it_began_is_waited_for(enter: Join) -> None:
    clock = WallClock()
    one = await enter("one", clock)
    exchange = one.admit(ask("/"))
    clock.at = START  # and the drain is there before this member has noticed
    one.live._swap(one.live._stored, one.live._definitions)
    assert one.live.snapshot.views[0].on_by_clock_alone
    drain = asyncio.create_task(one.drains.drain(Request("site", timeout=30)))
    await soon(lambda: one.reports._answers)
    assert not drain.done()
    exchange.state = "finished"
    drained = await drain
    assert (drained.drained, drained.tally.finished) == (True, 1)


async def test_a_member_whose_clock_is_behind_holds_and_reports_what_it_let_through(
    enter: Join,
) -> None:
    ahead, behind = WallClock(), WallClock()
    one, two = await enter("one", ahead), await enter("two", behind)
    exchange = two.admit(ask("/"))
    ahead.at = START
    drain = asyncio.create_task(one.drains.drain(Request("site", timeout=30)))
    await soon(lambda: two.reports._answers)
    assert is_on(two)
    assert not drain.done()
    exchange.state = "finished"
    assert (await drain).drained


async def test_a_member_that_holds_by_its_clock_alone_answers_no_drain(
    enter: Join, shared: SharedStore
) -> None:
    clock = WallClock()
    one = await enter("one", clock)
    one.admit(ask("/"))
    clock.at, shared.broken = START, True
    await one.live.settle()
    assert is_on(one)
    drained = await one.drains.drain(Request("site", timeout=0.1))
    assert not drained.drained
    assert "cannot be reached" in str(drained.reason)


async def test_a_guard_across_both_edges_holds_until_it_lifts(enter: Join) -> None:
    clock = WallClock()
    one, two = await enter("one", clock), await enter("two", clock)
    await one.live.flip("site", Patch({"enabled": True}), by="guard")
    assert (await one.drains.drain(Request("site", timeout=30))).drained
    clock.at = START
    await one.live.settle()
    assert (await one.drains.drain(Request("site", timeout=30))).drained
    clock.at = START + 3600.0
    await two.live.settle()
    assert (await one.drains.drain(Request("site", timeout=30))).drained
    assert is_on(one)
    await one.live.flip("site", Patch({"enabled": None}), by="guard")
    assert not is_on(one)


async def test_a_guard_that_lifts_within_it_leaves_it_holding_and_drained(enter: Join) -> None:
    clock = WallClock(START + 60.0)
    one, two = await enter("one", clock), await enter("two", clock)
    await one.live.settle()
    await one.live.flip("site", Patch({"enabled": True}), by="guard")
    await one.live.flip("site", Patch({"enabled": None}), by="guard")
    assert is_on(one)
    assert (await two.drains.drain(Request("site", timeout=30))).drained
    clock.at = START + 3600.0
    await two.live.settle()
    drained = await one.drains.drain(Request("site", timeout=30))
    assert drained.reason == "the flag is not on"


async def test_a_window_that_ends_while_a_drain_waits_ends_it_too(enter: Join) -> None:
    clock = WallClock(START + 60.0)
    one, two = await enter("one", clock), await enter("two", clock)
    two.table.exchanges.append(Exchange(ask("/"), revision=0))  # from before it began
    drain = asyncio.create_task(one.drains.drain(Request("site", timeout=30)))
    await soon(lambda: two.reports._answers)
    clock.at = START + 3600.0
    await two.live.settle()
    assert (await drain).reason == "the flag is not on"
