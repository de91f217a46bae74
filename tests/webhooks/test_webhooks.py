"""Who tells, what nobody does, and what becomes of both when members come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from gateway.config import ConfigError
from gateway.config.settings import Secret, Webhook
from gateway.core.overrides import Patch
from gateway.state.forgotten import Forgotten
from gateway.stores.base import AuditEntry
from gateway.webhooks.mailbox import KIND
from gateway.webhooks.message import Message
from gateway.webhooks.outcome import Outcome, Verdict
from gateway.webhooks.post import Post
from gateway.webhooks.teller import Teller
from gateway.webhooks.watch import Watch
from gateway.webhooks.webhooks import UnknownWebhook, Webhooks
from tests.support.flags import flag
from tests.support.members import AheadClock, MemberOfMany, SharedStore, member, soon

ON, OFF = Patch({"enabled": True}), Patch({"enabled": False})

TEAM = Webhook("team", Secret("https://x"))


class AwayStore(SharedStore):
    """Counts how often it was asked while it was away."""

    refused = 0

    def _check(self) -> None:
        self.refused += self.broken
        super()._check()


@dataclass
class Fleet:
    """Members of one store that all have webhooks, and what was sent by any of them."""

    store: AwayStore
    ahead: AheadClock
    sent: list[Message] = field(default_factory=list)
    members: list[MemberOfMany] = field(default_factory=list)
    tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    forgotten: list[Forgotten] = field(default_factory=list)

    async def join(self, name: str, told: tuple[Webhook, ...] = (TEAM,)) -> Webhooks:
        joined = member(name, self.store, flag("site", enabled=False), monotonic=self.ahead)
        joined.live._definitions = replace(
            joined.live._definitions, settings=replace(joined.live.settings, webhooks=told)
        )
        self.members.append(joined)
        await joined.start()
        webhooks = Webhooks(
            self.store,
            joined.live,
            joined.membership,
            joined.waker,
            forgotten=lambda: self.forgotten,
            count=lambda _name, _outcome: None,
        )
        self.tasks[name] = asyncio.create_task(webhooks.run())
        return webhooks

    async def teller(self) -> str:
        (found,) = await self.store.records("teller")
        return str(found.document["member"])

    async def leave(self, name: str) -> None:
        self.tasks.pop(name).cancel()
        (leaving,) = (each for each in self.members if each.name == name)
        await leaving.membership.leave()
        await leaving.close()
        self.members.remove(leaving)

    async def close(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        for each in self.members:
            await each.close()


@pytest.fixture
async def fleet(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Fleet]:
    store = AwayStore()
    await store.open()
    fleet = Fleet(store, AheadClock())

    async def send(_self: Post, _webhook: Webhook, message: Message) -> Outcome:
        fleet.sent.append(message)
        return Outcome(Verdict.DELIVERED, 200)

    monkeypatch.setattr(Post, "send", send)
    monkeypatch.setattr("gateway.webhooks.webhooks.LOOK", 0.01)
    monkeypatch.setattr("gateway.webhooks.webhooks.GAP", 0.001)
    yield fleet
    await fleet.close()


async def begun(fleet: Fleet) -> None:
    await soon(lambda: fleet.store._records[KIND])


async def test_of_several_members_one_tells(fleet: Fleet) -> None:
    for name in ("a", "b", "c"):
        await fleet.join(name)
    await begun(fleet)
    for each in fleet.members:
        await each.live.flip("site", ON, by="ann")
        await each.live.flip("site", OFF, by="ann")
    await soon(lambda: len(fleet.sent) >= 6)
    assert len({each.id for each in fleet.sent}) == len(fleet.sent) == 6


async def test_another_goes_on_where_the_one_that_left_was(fleet: Fleet) -> None:
    await fleet.join("a")
    await begun(fleet)
    await fleet.join("b")
    await fleet.members[0].live.flip("site", ON, by="ann")
    await soon(lambda: len(fleet.sent) == 1)
    assert await fleet.teller() == "a"
    await fleet.leave("a")
    await fleet.members[0].live.flip("site", OFF, by="ann")
    await soon(lambda: len(fleet.sent) == 2)
    assert await fleet.teller() == "b"


async def test_what_happened_while_nobody_was_there_is_told_by_the_next(fleet: Fleet) -> None:
    await fleet.join("a")
    await begun(fleet)
    await fleet.leave("a")
    changes = {"enabled": True}
    await fleet.store.record(AuditEntry(1e9, "ann", "flip", "site", "", changes))
    await fleet.join("b")
    await soon(lambda: len(fleet.sent) == 1)


async def test_a_member_whose_lease_is_out_sends_nothing_more(fleet: Fleet) -> None:
    await fleet.join("a")
    await begun(fleet)
    await fleet.join("b")
    a, b = fleet.members
    await b.membership.look()
    await a.membership.stop()
    fleet.ahead.ahead = 1000.0
    await fleet.store.record(AuditEntry(1e9, "ann", "flip", "site", "", {"enabled": True}))
    await soon(lambda: len(fleet.sent) == 1)
    assert await fleet.teller() == "b"


async def test_the_store_may_be_away_for_a_while(fleet: Fleet) -> None:
    await fleet.join("a")
    await begun(fleet)
    fleet.store.broken = True
    await soon(lambda: fleet.store.refused > 5)
    fleet.store.broken = False
    await fleet.members[0].live.fresh()
    await fleet.members[0].live.flip("site", ON, by="ann")
    await soon(lambda: len(fleet.sent) == 1)


async def test_one_that_ends_waits_for_the_try_under_way(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, begun_to_send = asyncio.Event(), asyncio.Event()

    async def send(_self: Post, _webhook: Webhook, message: Message) -> Outcome:
        begun_to_send.set()
        await answered.wait()
        fleet.sent.append(message)
        return Outcome(Verdict.DELIVERED, 200)

    monkeypatch.setattr(Post, "send", send)
    webhooks = await fleet.join("a")
    await begun(fleet)
    await fleet.members[0].live.flip("site", ON, by="ann")
    await fleet.members[0].live.flip("site", OFF, by="ann")
    async with asyncio.timeout(30):
        await begun_to_send.wait()
    ending = asyncio.create_task(webhooks.end())
    await asyncio.sleep(0)
    assert not ending.done()
    answered.set()
    await ending
    assert len(fleet.sent) == 1
    (kept,) = await fleet.store.records(KIND)
    (newest, *_) = await fleet.store.audit(1)
    assert kept.document["position"] == newest.id - 1


async def test_entries_that_the_audit_has_no_more_are_said_to_be_lost(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    await fleet.join("a")
    await begun(fleet)
    fleet.store._last_id += 5
    await fleet.members[0].live.flip("site", ON, by="ann")
    await soon(lambda: len(fleet.sent) == 1)
    assert "5 entries were pushed out of the audit before they were told" in caplog.text


async def test_a_store_that_lost_its_last_entries_is_gone_on_with(fleet: Fleet) -> None:
    await fleet.join("a")
    await begun(fleet)
    await fleet.members[0].live.flip("site", ON, by="ann")
    await soon(lambda: len(fleet.sent) == 1)
    fleet.store._audit.pop()
    fleet.store._last_id -= 1
    before = fleet.store._records[KIND]["team"].beat
    await soon(lambda: fleet.store._records[KIND]["team"].beat > before)
    await fleet.members[0].live.flip("site", OFF, by="ann")
    await soon(lambda: len(fleet.sent) == 2)


async def test_webhooks_that_are_taken_out_do_not_begin_where_they_were(fleet: Fleet) -> None:
    webhooks = await fleet.join("a")
    await begun(fleet)
    live = fleet.members[0].live
    before = live.settings
    live.settings = replace(before, webhooks=())
    await soon(lambda: not fleet.store._records[KIND])
    await live.flip("site", ON, by="ann")
    live.settings = before
    await begun(fleet)
    await live.flip("site", OFF, by="ann")
    await soon(lambda: fleet.sent)
    assert [b"flag.off" in each.body for each in fleet.sent] == [True]
    assert webhooks.all


async def test_a_webhook_is_told_of_what_happens_from_the_edit_on_that_brings_it(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answered = asyncio.Event(), asyncio.Event()

    async def send(_self: Post, webhook: Webhook, message: Message) -> Outcome:
        if webhook.name == "team":  # for as long as its time-out allows
            asked.set()
            await answered.wait()
        else:
            fleet.sent.append(message)
        return Outcome(Verdict.DELIVERED, 200)

    monkeypatch.setattr(Post, "send", send)
    await fleet.join("a")
    await begun(fleet)
    live = fleet.members[0].live
    await live.flip("site", ON, by="ann")
    await asked.wait()
    webhooks = (*live.settings.webhooks, Webhook("new", Secret("https://y")))
    live.settings = replace(live.settings, webhooks=webhooks)
    live._definitions = replace(live._definitions, settings=live.settings)
    await live.flip("site", OFF, by="bob")
    answered.set()
    await soon(lambda: fleet.sent)
    assert b"flag.off" in fleet.sent[0].body


async def test_webhooks_that_go_just_as_somebody_begins_to_tell_are_no_failure(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = Teller.claim

    async def while_it_is_edited(teller: Teller) -> bool:
        live = fleet.members[0].live
        live.settings = replace(live.settings, webhooks=())
        return await claim(teller)

    monkeypatch.setattr(Teller, "claim", while_it_is_edited)
    webhooks = await fleet.join("a")
    await soon(lambda: fleet.tasks["a"].done() or webhooks._forgotten)
    assert not fleet.tasks["a"].done()


async def test_a_member_that_has_no_webhooks_does_not_keep_others_from_telling(
    fleet: Fleet,
) -> None:
    await fleet.join("a")
    await begun(fleet)
    await fleet.leave("a")
    without = await fleet.join("b", told=())
    await soon(lambda: without._forgotten)
    await fleet.join("c")
    await begun(fleet)
    await fleet.members[0].live.flip("site", ON, by="ann")
    await soon(lambda: fleet.sent)
    assert await fleet.teller() == "c"


async def test_a_test_is_of_a_webhook_that_is_there(fleet: Fleet) -> None:
    webhooks = await fleet.join("a")
    event, outcome = await webhooks.test("team", "ann")
    assert outcome.verdict is Verdict.DELIVERED
    assert b'"type":"webhook.test"' in fleet.sent[0].body
    assert fleet.sent[0].id == event.id
    with pytest.raises(UnknownWebhook):
        await webhooks.test("nobody", "ann")


# What nobody does, without a task: each look is the test's own.


@dataclass
class Looking:
    member: MemberOfMany
    teller: Teller
    watch: Watch
    forgotten: list[Forgotten]

    async def noted(self) -> list[tuple[str, str, Any]]:
        assert await self.watch.look()
        entries = await self.member.live.audit()
        return [(each.action, each.flag, each.changes) for each in entries[::-1]]


@pytest.fixture
async def looking() -> AsyncIterator[Looking]:
    store, ahead = SharedStore(), AheadClock()
    await store.open()
    joined = member("a", store, flag("site", enabled=False), monotonic=ahead)
    await joined.start()
    forgotten: list[Forgotten] = []
    teller = Teller(store, joined.membership)
    watch = Watch(store, teller, joined.membership, lambda: forgotten, lambda: 1)
    watch._guards = joined.guards
    assert await teller.claim()
    yield Looking(joined, teller, watch, forgotten)
    await joined.close()


async def test_a_flag_that_is_forgotten_is_noted_once(looking: Looking) -> None:
    before = await looking.noted()
    looking.forgotten.append(Forgotten("site", 100.0, 60.0))
    noted = [("forgotten", "site", {"since": 100.0, "max": 60.0})]
    assert await looking.noted() == [*before, *noted]
    assert await looking.noted() == [*before, *noted]
    looking.forgotten.clear()
    await looking.watch.look()
    looking.forgotten.append(Forgotten("site", 900.0, 60.0))
    assert len(await looking.noted()) == len(before) + 2


async def test_a_yaml_that_is_wrong_is_noted_until_it_is_right_for_all(looking: Looking) -> None:
    live, membership = looking.member.live, looking.member.membership
    live._yaml.errors = (ConfigError("c.yaml", 3, "flags", "must be a mapping"),)
    await membership.renew()
    await membership.look()
    (noted,) = [each for each in await looking.noted() if each[2] == {"valid": False}]
    await looking.noted()
    entry = (await live.audit(1))[0]
    assert entry.reason == "c.yaml:3: flags: must be a mapping"
    live._yaml.errors = ()
    await membership.renew()
    await membership.look()
    told = [each[2] for each in await looking.noted() if each[2] and "valid" in each[2]]
    assert told == [noted[2], {"valid": True}]


async def test_a_guard_that_is_not_heard_of_any_more_is_noted_once(looking: Looking) -> None:
    guards = looking.member.guards
    await guards.acquire("site", None, "owner-1", {"command": "./x", "by": "ci"})
    await looking.watch.look()
    guards._monotonic = lambda: 1e9
    await guards.all()
    guards._monotonic = lambda: 2e9
    (noted,) = [each for each in await looking.noted() if each[0] == "guard"]
    assert (noted[2]["state"], noted[2]["guard"]) == ("abandoned", "owner-1")
    assert len([each for each in await looking.noted() if each[0] == "guard"]) == 1


async def test_of_more_guards_than_are_kept_none_is_noted_twice(
    looking: Looking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.webhooks.watch.MOST_KNOWN", 2)
    guards = looking.member.guards
    for number in range(3):
        await guards.acquire(f"f{number}", None, f"owner-{number}", {"by": "ci"})
    guards._monotonic = lambda: 1e9
    await guards.all()
    guards._monotonic = lambda: 2e9
    await looking.noted()
    looking.forgotten.append(Forgotten("site", 100.0, 60.0))  # something else is new
    noted = [each[2]["guard"] for each in await looking.noted() if each[0] == "guard"]
    assert noted == ["owner-0", "owner-1"]
    await guards.release("owner-0")
    noted = [each[2]["guard"] for each in await looking.noted() if each[0] == "guard"]
    assert noted == ["owner-0", "owner-1", "owner-2"]


async def test_whoever_tells_next_knows_what_was_noted(looking: Looking) -> None:
    looking.forgotten.append(Forgotten("site", 100.0, 60.0))
    before = await looking.noted()
    successor = Teller(looking.member.live._store, looking.member.membership)
    assert await successor.claim()
    assert successor.known["forgotten"] == ["site"]
    assert not await looking.teller.note({})
    looking.watch._teller = successor
    assert await looking.noted() == before
