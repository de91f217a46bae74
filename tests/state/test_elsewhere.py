"""What goes on over another proxy is known to drains before it goes on."""

from __future__ import annotations

import pytest

from gateway.core.overrides import Patch
from gateway.state.elsewhere import ANEW, HOLDS, RETRY, Elsewhere, flags_elsewhere
from gateway.stores.base import StoreError
from tests.state.conftest import Join
from tests.state.stage import NOW, Clock, FlakyStore
from tests.support.flags import ask
from tests.support.members import MemberOfMany, Request

ON = Patch({"enabled": True})


class Failing(FlakyStore):
    async def put(self, *args: object, **more: object) -> None:  # type: ignore[override]
        self._reach()
        await super().put(*args, **more)  # type: ignore[arg-type]


async def test_a_drain_is_refused_at_once_where_requests_go_on_elsewhere(join: Join) -> None:
    one, two = await join("one"), await join("two")
    await two.elsewhere.note(["site"])
    await one.live.flip("site", ON, by="ann")
    refused = await one.drains.drain(Request("site", timeout=60))
    assert (refused.drained, refused.unseen) == (False, True)
    assert refused.waited < 30
    assert "accept_unseen" in str(refused.reason)
    accepted = await one.drains.drain(Request("site", timeout=60, accept_unseen=True))
    assert (accepted.drained, accepted.document()["unseen"]) == (True, True)


async def test_other_flags_are_drained_as_ever(join: Join) -> None:
    one = await join("one")
    await one.elsewhere.note(["search"])
    await one.live.flip("site", ON, by="ann")
    drained = await one.drains.drain(Request("site", timeout=60))
    assert (drained.drained, drained.unseen) == (True, False)


async def test_flags_in_scope_are_noted_whoever_it_is_and_whatever_is_on(join: Join) -> None:
    one: MemberOfMany = await join("one")
    rules = one.live.snapshot.rules
    assert one.elsewhere.unnoted(ask("/books"), rules) == ["site", "reindex"]
    await one.elsewhere.note(["site", "reindex"])
    assert one.elsewhere.unnoted(ask("/books"), rules) == []
    assert one.elsewhere.unnoted(ask("/search"), rules) == ["search"]
    await one.live.flip("site", Patch({"mode": "read-only"}), by="ann")
    anew = Elsewhere(one.elsewhere._store)
    assert "site" in anew.unnoted(ask("/books"), one.live.snapshot.rules)


async def test_a_note_is_renewed_each_hour_and_holds_for_a_day() -> None:
    store, clock, passed = FlakyStore(), Clock(), Clock()
    await store.open()
    elsewhere = Elsewhere(store, clock=clock, monotonic=passed)
    await elsewhere.note(["site"])
    assert await elsewhere.flags() == {"site"}
    clock.now += HOLDS - 1
    assert await flags_elsewhere(store, clock()) == {"site"}
    clock.now += 1
    assert await flags_elsewhere(store, clock()) == frozenset()
    assert elsewhere._due == {"site": NOW + ANEW}


async def test_what_cannot_be_noted_does_not_go_on_but_a_renewal_may_fail() -> None:
    store, passed = Failing(), Clock()
    await store.open()
    elsewhere = Elsewhere(store, monotonic=passed)
    store.broken = True
    with pytest.raises(StoreError):
        await elsewhere.note(["site"])
    store.broken = False
    await elsewhere.note(["site"])
    store.broken = True
    await elsewhere.note(["site"])
    assert elsewhere._due == {"site": NOW + RETRY}
