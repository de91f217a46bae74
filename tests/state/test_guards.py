"""Who guards what: one owner a flag and user, a heartbeat, and what is left of the dead."""

from __future__ import annotations

import pytest

from gateway.state.guards import AlreadyGuarded, Guards, UnknownGuard
from tests.support.members import AheadClock, SharedStore


@pytest.fixture
async def guards(shared: SharedStore, ahead: AheadClock) -> Guards:
    await shared.open()
    return Guards(shared, monotonic=ahead, clock=lambda: 5.0)


async def test_a_guard_is_shown_with_its_owner_and_what_it_does(guards: Guards) -> None:
    await guards.acquire("site", None, "me", {"by": "ann", "command": "migrate"})
    (found,) = await guards.all()
    assert guards.known == [found]
    assert found.document() == {
        "id": "me",
        "by": "ann",
        "command": "migrate",
        "flag": "site",
        "user": None,
        "owner": "me",
        "since": 5.0,
        "abandoned": False,
    }


async def test_a_second_guard_of_the_same_flag_and_user_is_refused(guards: Guards) -> None:
    first = await guards.acquire("reindex", "ann", "me", {})
    with pytest.raises(AlreadyGuarded) as refused:
        await guards.acquire("reindex", "ann", "you", {})
    assert refused.value.guarding == first
    await guards.acquire("reindex", "bob", "you", {})
    await guards.acquire("reindex", None, "them", {})


async def test_a_guard_without_a_heartbeat_is_abandoned_and_can_be_taken_over(
    guards: Guards, ahead: AheadClock
) -> None:
    await guards.acquire("site", None, "me", {})
    await guards.all()
    ahead.ahead += 15.5
    assert not (await guards.all())[0].abandoned
    ahead.ahead += 0.6
    assert (await guards.all())[0].abandoned
    taken = await guards.acquire("site", None, "you", {})
    assert (taken.id, taken.abandoned) == ("you", False)
    with pytest.raises(UnknownGuard):
        await guards.heartbeat("me", {})
    with pytest.raises(UnknownGuard):
        await guards.release("me")


async def test_a_heartbeat_keeps_a_guard_and_tells_its_progress_but_not_another_owner(
    guards: Guards, ahead: AheadClock
) -> None:
    await guards.acquire("site", None, "me", {})
    for _ in range(4):
        await guards.all()
        ahead.ahead += 10
        await guards.heartbeat("me", {"progress": "1/2", "owner": "x", "flag": "y", "since": 0})
    (found,) = await guards.all()
    assert not found.abandoned
    assert (found.id, found.flag, found.record.document["progress"]) == ("me", "site", "1/2")
    assert found.record.document["since"] == 5.0


async def test_a_released_guard_is_gone(guards: Guards) -> None:
    await guards.acquire("site", None, "me", {})
    await guards.release("me")
    assert await guards.all() == []
    assert guards.known == []
    with pytest.raises(UnknownGuard):
        await guards.find("me")
