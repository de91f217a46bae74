"""Several members on one store: who is waited for, and what the answer says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest

from gateway.core.flags import Flag
from gateway.core.overrides import Patch
from gateway.state.live import UnknownFlag
from gateway.stores.base import StoredState, StoreError
from gateway.stores.memory import MemoryStore
from tests.support.flags import ask, flag, user_flag
from tests.support.members import MemberOfMany, Request, member

ON = Patch({"enabled": True})
SITE = flag("site", enabled=False)
STRICT = replace(flag("search", "/search", enabled=False), strict=True)
USERS = user_flag("reindex")


class SharedStore(MemoryStore):
    """Members that close leave it open for the others."""

    async def close(self) -> None:
        pass


class Clock:
    """The real time, and what a test adds to it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


Start = Callable[..., Awaitable[MemberOfMany]]


@pytest.fixture
async def store() -> SharedStore:
    return SharedStore()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def start(store: SharedStore, clock: Clock) -> AsyncIterator[Start]:
    started: list[MemberOfMany] = []

    async def start(name: str, *flags: Flag) -> MemberOfMany:
        found = member(name, store, *(flags or (SITE, STRICT, USERS)), monotonic=clock)
        started.append(found)
        await found.start()
        return found

    yield start
    for each in started:
        await each.close()


async def soon(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 what is waited for tells nobody
            await asyncio.sleep(0.001)


async def test_idle_members_are_drained_at_once(start: Start) -> None:
    one, _ = await start("one"), await start("two")
    await one.live.flip("site", ON, by="ann")
    drained = await one.drains.drain(Request("site", timeout=5))
    assert drained.drained, drained
    assert drained.tally.members == ("one", "two")
    assert drained.waited < 0.5


async def test_what_another_member_forwards_is_waited_for(start: Start) -> None:
    one, two = await start("one"), await start("two")
    exchange = two.admit(ask("/x"))
    await one.live.flip("site", ON, by="ann")
    drain = asyncio.create_task(one.drains.drain(Request("site", timeout=5)))
    await soon(lambda: two.reports._answers)
    assert not drain.done()
    exchange.state = "finished"
    drained = await drain
    assert (drained.drained, drained.tally.finished) == (True, 1)


async def test_only_the_users_own_requests_are_waited_for(start: Start) -> None:
    one, two = await start("one"), await start("two")
    two.admit(ask("/", cookie="uid=bob"))
    await one.live.change_users("reindex", add=["ann"], by="ops")
    assert (await one.drains.drain(Request("reindex", "ann", timeout=5))).drained


async def test_a_drain_that_takes_too_long_says_on_whom_it_waits(start: Start) -> None:
    one, two = await start("one"), await start("two")
    two.admit(ask("/"))
    await one.live.flip("site", ON, by="ann")
    drained = await one.drains.drain(Request("site", timeout=0.1))
    assert not drained.drained
    assert drained.tally.in_flight == 1
    assert "two has 1 in flight" in str(drained.document()["reason"])


async def test_endless_exchanges_are_closed_after_the_grace(start: Start, clock: Clock) -> None:
    one = await start("one")
    one.admit(ask("/live"), endless=True)
    await one.live.flip("site", ON, by="ann")
    drain = asyncio.create_task(one.drains.drain(Request("site", timeout=5)))
    await soon(lambda: one.reports._answers)
    clock.ahead += 10
    drained = await drain
    assert (drained.drained, drained.tally.cut) == (True, 1)


async def test_abandoned_exchanges_refuse_unless_they_are_accepted(start: Start) -> None:
    one = await start("one")
    one.admit(ask("/")).state = "abandoned"
    await one.live.flip("site", ON, by="ann")
    refused = await one.drains.drain(Request("site", timeout=5))
    assert (refused.drained, refused.tally.abandoned) == (False, 1)
    accepted = await one.drains.drain(Request("site", timeout=5, accept_orphans=True))
    assert (accepted.drained, accepted.tally.abandoned) == (True, 1)


async def test_a_silent_member_is_waited_for_unless_the_flag_is_strict(
    start: Start, clock: Clock
) -> None:
    one, two = await start("one"), await start("two")
    await two.freeze()
    await one.live.flip("site", ON, by="ann")
    await one.live.flip("search", ON, by="ann")
    await one.membership.look()
    clock.ahead += 12
    await one.membership.renew()
    await one.live.fresh()
    await one.membership.look()
    waiting = await one.drains.drain(Request("site", timeout=0.1))
    assert not waiting.drained
    assert "two is silent" in str(waiting.reason)
    strict = await one.drains.drain(Request("search", timeout=5))
    assert (strict.drained, strict.tally.missing) == (True, ("two",))
    gone = await one.drains.drain(Request("site", timeout=5, assume_gone=frozenset({"two"})))
    assert (gone.drained, gone.tally.missing) == (True, ("two",))


async def test_a_flag_that_is_off_is_not_drained(start: Start) -> None:
    one = await start("one")
    assert "not on" in str((await one.drains.drain(Request("site"))).reason)
    assert "not on for user ann" in str((await one.drains.drain(Request("reindex", "ann"))).reason)
    with pytest.raises(UnknownFlag):
        await one.drains.drain(Request("none"))


async def test_a_flag_lifted_while_draining_is_not_drained(start: Start) -> None:
    one = await start("one")
    exchange = one.admit(ask("/"))
    await one.live.flip("site", ON, by="ann")
    drain = asyncio.create_task(one.drains.drain(Request("site", timeout=2)))
    await soon(lambda: one.reports._answers)
    await one.live.reset("site", by="bob")
    exchange.state = "finished"
    drained = await drain
    assert not drained.drained


async def test_a_store_made_anew_is_never_drained(start: Start, store: SharedStore) -> None:
    one = await start("one")
    await one.live.flip("site", ON, by="ann")
    store._state = StoredState(9, {}, store._state.config_digest, "another")
    drained = await one.drains.drain(Request("site", timeout=1))
    assert not drained.drained
    assert "created anew" in str(drained.reason)
    assert one.live.current().view("site").state.enabled
    with pytest.raises(StoreError):
        await one.live.flip("site", Patch({"enabled": False}), by="ann")


async def test_a_drain_leaves_no_records_behind(start: Start, store: SharedStore) -> None:
    one, _ = await start("one"), await start("two")
    await one.live.flip("site", ON, by="ann")
    await one.drains.drain(Request("site", timeout=5))
    await soon(lambda: not store._records["reports"] and not store._records["drains"])


async def test_users_one_after_another_are_drained_in_milliseconds(start: Start) -> None:
    members = [await start(name) for name in ("one", "two", "three")]
    one, began = members[0], time.monotonic()
    for number in range(100):
        user = f"user{number}"
        await one.live.change_users("reindex", add=[user], by="ops")
        assert (await one.drains.drain(Request("reindex", user, timeout=5))).drained
        await one.live.change_users("reindex", remove=[user], by="ops")
    assert (time.monotonic() - began) / 100 < 0.1  # some 2 ms; a machine may be busy
