"""One webhook's messages: in order, tried again, given up, by a clock that a test moves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from gateway.config.settings import Secret, Webhook
from gateway.stores.base import AuditEntry, RecordMoved
from gateway.stores.memory import MemoryStore
from gateway.webhooks.mailbox import KIND, Mailbox, Office, open_mailbox
from gateway.webhooks.message import Message
from gateway.webhooks.outcome import Outcome, Verdict, judge, unreached
from tests.support.members import soon

TEAM = Webhook("team", Secret("https://x/s3cret"))
DELIVERED, DOWN = Outcome(Verdict.DELIVERED, 200), unreached("no connection: refused")


@dataclass
class Receiver:
    """What was sent, and the answers that are still to be given; then all is well."""

    answers: list[Outcome] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    counted: list[str] = field(default_factory=list)
    now: float = 1000.0

    async def send(self, webhook: Webhook, message: Message) -> Outcome:
        self.sent.append(message)
        return self.answers.pop(0) if self.answers else DELIVERED

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    @property
    def told(self) -> list[int]:
        return [int(each.id.rpartition("_")[2]) for each in self.sent]

    def clock(self) -> float:
        return self.now

    def office(self, store: MemoryStore) -> Office:
        return Office(
            store,
            self.send,
            lambda _name: None,
            "epoch",
            lambda _name, outcome: self.counted.append(outcome),
            clock=self.clock,
            monotonic=self.clock,
            sleep=self.sleep,
            chance=lambda: 1.0,
        )


Open = Callable[..., Any]


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    store = MemoryStore()
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def run(store: MemoryStore) -> AsyncIterator[Open]:
    """Opens a mailbox and has it run: ``await run(receiver, webhook)``."""
    tasks: list[asyncio.Task[None]] = []

    async def begin(
        receiver: Receiver, webhook: Webhook = TEAM, newest: int = 0, **office: Any
    ) -> Mailbox:
        box = await open_mailbox(webhook, newest, replace(receiver.office(store), **office))
        tasks.append(asyncio.create_task(box.run()))
        return box

    yield begin
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def flip(number: int, at: float = 1000.0) -> AuditEntry:
    return AuditEntry(at, "ann", "flip", "search", "", {"enabled": True}, number, number)


def users(number: int) -> AuditEntry:
    changes = {"users": {"add": [f"u{number}"], "remove": []}}
    return AuditEntry(1000.0, "ann", "users", "search", "", changes, number, number)


async def kept(store: MemoryStore, name: str = "team") -> dict[str, Any]:
    return {each.key: dict(each.document) for each in await store.records(KIND)}[name]


async def test_messages_are_sent_in_order_and_what_was_had_is_not_sent_again(
    store: MemoryStore, run: Open
) -> None:
    receiver = Receiver()
    box = await run(receiver)
    box.offer([flip(1), flip(2)])
    box.offer([flip(1), flip(2), flip(3)])
    await soon(lambda: box.position == 3)
    assert receiver.told == [1, 2, 3]
    assert receiver.counted == ["delivered"] * 3
    assert (await kept(store))["position"] == 3


async def test_a_new_webhook_begins_with_what_comes(run: Open) -> None:
    receiver = Receiver()
    box = await run(receiver, newest=2)
    box.offer([flip(1), flip(2), flip(3)])
    await soon(lambda: box.position == 3)
    assert receiver.told == [3]


async def test_a_receiver_that_is_down_is_tried_again_and_the_order_stays(run: Open) -> None:
    receiver = Receiver([DOWN, judge(500, None, 0), judge(503, "60", 0)])
    box = await run(receiver)
    box.offer([flip(1), flip(2)])
    await soon(lambda: box.position == 2)
    assert receiver.told == [1, 1, 1, 1, 2]
    assert receiver.slept == [2.0, 4.0, 60.0]
    assert receiver.counted == ["retry", "retry", "retry", "delivered", "delivered"]
    assert len({each.body for each in receiver.sent[:4]}) == 1


async def test_what_is_refused_is_not_sent_again_and_the_next_is_sent(
    store: MemoryStore, run: Open
) -> None:
    receiver = Receiver([judge(400, None, 0)])
    box = await run(receiver)
    box.offer([flip(1), flip(2)])
    await soon(lambda: box.position == 2)
    assert receiver.told == [1, 2]
    assert receiver.slept == []
    assert receiver.counted == ["refused", "delivered"]


async def test_a_message_is_given_up_after_retry_for_and_the_log_says_so(
    store: MemoryStore, run: Open, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver([DOWN] * 12)
    box = await run(receiver, Webhook("team", Secret("https://x/s3cret"), retry_for=600.0))
    box.offer([flip(1)])
    await soon(lambda: box.position == 1)
    assert receiver.counted[-1] == "given_up"
    assert 300 < sum(receiver.slept) <= 600
    assert "webhook team: flag.on of search was given up: no connection: refused" in caplog.text
    assert "s3cret" not in caplog.text
    assert (await kept(store))["last"]["error"] == "no connection: refused"


async def test_a_clock_that_was_ahead_does_not_make_it_try_for_longer(run: Open) -> None:
    receiver = Receiver([DOWN] * 30)
    box = await run(receiver, Webhook("team", Secret("https://x"), retry_for=600.0))
    box.offer([flip(1, at=receiver.now + 86_400.0)])
    await soon(lambda: box.position == 1)
    assert 300 < sum(receiver.slept) <= 600


async def test_a_clock_that_is_set_does_not_make_it_give_up(run: Open) -> None:
    receiver = Receiver([DOWN, DOWN])

    async def sleep(seconds: float) -> None:
        receiver.slept.append(seconds)
        receiver.now += 86_400.0

    box = await run(receiver, sleep=sleep, monotonic=lambda: sum(receiver.slept))
    box.offer([flip(1)])
    await soon(lambda: box.position == 1)
    assert receiver.counted == ["retry", "retry", "delivered"]


async def test_what_waits_for_a_dead_receiver_is_bounded_as_the_audit_is(
    run: Open, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.webhooks.mailbox.MOST_AUDIT_ENTRIES", 3)
    receiver, back = Receiver([DOWN]), asyncio.Event()

    async def sleep(_seconds: float) -> None:
        await back.wait()

    box = await run(receiver, sleep=sleep)
    box.offer([flip(1)])
    await soon(lambda: receiver.sent)
    for number in range(2, 8):
        box.offer([flip(number)])
    assert len(box._entries) == 3
    back.set()
    await soon(lambda: box.position == 7)
    assert receiver.told == [1, 1, 5, 6, 7]
    assert "webhook team: 3 entries of the audit were too many" in caplog.text


async def test_what_is_old_by_the_time_is_tried_once_and_a_dead_receiver_is_not_hammered(
    run: Open,
) -> None:
    receiver = Receiver([DOWN, DOWN])
    box = await run(receiver, Webhook("team", Secret("https://x"), retry_for=10.0))
    box.offer([flip(1, at=0.0), flip(2, at=0.0), flip(3, at=0.0)])
    await soon(lambda: box.position == 3)
    assert receiver.told == [1, 2, 3]
    assert receiver.slept == [2.0, 4.0]
    assert receiver.counted == ["retry", "given_up", "retry", "given_up", "delivered"]


async def test_a_receiver_that_asks_for_longer_than_there_is_gets_no_more_of_it(run: Open) -> None:
    receiver = Receiver([judge(429, "7200", 0)])
    box = await run(receiver)
    box.offer([flip(1)])
    await soon(lambda: box.position == 1)
    assert receiver.counted == ["retry", "given_up"]
    assert receiver.slept == []


async def test_a_receiver_that_is_gone_gets_nothing_more_until_it_is_another(
    store: MemoryStore, run: Open
) -> None:
    receiver = Receiver([judge(410, None, 0)])
    box = await run(receiver)
    box.offer([flip(1), flip(2)])
    await soon(lambda: box.position == 2)
    assert receiver.told == [1]
    assert (await kept(store))["gone"] is True
    same = await open_mailbox(TEAM, 9, receiver.office(store))
    assert same.gone
    other = await open_mailbox(
        Webhook("team", Secret("https://x/another")), 9, receiver.office(store)
    )
    assert not other.gone
    assert "s3cret" not in str(await kept(store))


async def test_whoever_tells_next_goes_on_after_the_last_that_was_noted(
    store: MemoryStore, run: Open
) -> None:
    first, second = Receiver(), Receiver()
    box = await run(first)
    box.offer([flip(1)])
    await soon(lambda: box.position == 1)
    successor = await run(second, newest=9)
    successor.offer([flip(1), flip(2)])
    await soon(lambda: successor.position == 2)
    assert (first.told, second.told) == ([1], [2])


async def test_one_who_was_replaced_stops_at_the_first_note(store: MemoryStore) -> None:
    receiver = Receiver()
    box = await open_mailbox(TEAM, 0, receiver.office(store))
    await store.put(KIND, "team", {"epoch": "epoch", "position": 5})
    box.offer([flip(1), flip(2)])
    with pytest.raises(RecordMoved):
        await box.run()
    assert receiver.told == [1]


async def test_another_store_s_place_is_not_taken_for_this_one_s(store: MemoryStore) -> None:
    await store.put(KIND, "team", {"epoch": "another", "position": 5000})
    box = await open_mailbox(TEAM, 7, Receiver().office(store))
    assert box.position == 7


async def test_users_wait_for_more_of_them_and_something_else_ends_the_wait(
    run: Open,
) -> None:
    receiver = Receiver()
    box = await run(receiver)
    box.offer([users(1)])
    await asyncio.sleep(0)
    box.offer([users(2)])
    await asyncio.sleep(0)
    assert receiver.sent == []
    box.offer([users(3), flip(4)])
    await soon(lambda: box.position == 4)
    told = [json.loads(each.body) for each in receiver.sent]
    assert [each["type"] for each in told] == ["flag.users", "flag.on"]
    assert told[0]["users"]["added"] == ["u1", "u2", "u3"]


async def test_users_are_told_once_it_is_quiet(run: Open) -> None:
    receiver = Receiver()
    box = await run(receiver)
    box.offer([users(1)])
    receiver.now += 2.0
    box.offer([])
    await soon(lambda: box.position == 1)
    assert len(receiver.sent) == 1


async def test_one_that_is_to_end_does_not_sit_out_its_pause(store: MemoryStore) -> None:
    receiver = Receiver([DOWN])
    forever = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        await forever.wait()

    office = receiver.office(store)
    office = replace(office, sleep=sleep)
    box = await open_mailbox(TEAM, 0, office)
    running = asyncio.create_task(box.run())
    box.offer([flip(1, at=1e10)])
    await soon(lambda: receiver.sent)
    box.end()
    async with asyncio.timeout(30):
        await running
    assert box.position == 0
