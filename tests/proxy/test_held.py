"""A flag in mode hold: requests wait unread, and go on in order, or get the page."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.config.settings import Timeouts
from gateway.core.flags import Flag, FlagState, HoldTerms, Mode
from gateway.core.snapshot import fence
from tests.support.flags import flag, user_flag
from tests.support.proxy_stage import Stage
from tests.support.wire import RawClient, Wire, head, ok, turns, within

HOLDING = flag("site", mode=Mode.HOLD)
REFUSING = flag("site")
POST = head(b"POST /up HTTP/1.1", b"Host: a", b"Content-Length: 5")
UPGRADE = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: x")


def terms(**some: Any) -> Flag:
    return replace(HOLDING, hold=HoldTerms(**some))


async def waiting(stage: Stage, count: int = 1) -> None:
    await stage.until(lambda: sum(stage.plane.usher.room.counts().values()) == count, "they wait")


async def asks(stage: Stage, target: bytes = b"/", *lines: bytes) -> RawClient:
    """One more client, which waits."""
    before = sum(stage.plane.usher.room.counts().values())
    client = await stage.client()
    await client.get(target, *lines)
    await waiting(stage, before + 1)
    return client


async def lift(stage: Stage, *flags: Flag) -> None:
    stage.live.hold(*flags)
    await stage.after(0)
    await stage.after(0.2)


async def served(stage: Stage) -> Wire:
    app, _ = await stage.app.serve()
    await app.send(ok())
    return app


async def test_a_request_waits_and_goes_on_when_the_flag_is_lifted(start: Any) -> None:
    stage = await start(terms(seconds=600.0))
    client = await asks(stage)
    await stage.after(300)
    assert client.silent()
    assert stage.app.untouched()
    assert len(stage.plane.in_flight) == 0
    await lift(stage)
    await served(stage)
    assert (await client.answer()).status == 200
    assert stage.tally.held == {"site": 1}
    assert stage.tally.refused == {}


async def test_they_go_on_in_order_of_arrival(start: Any) -> None:
    stage = await start(terms(rate=1))
    clients = [await asks(stage, b"/%d" % number) for number in range(5)]
    clients[1].reset()
    await stage.after(0)
    await waiting(stage, 4)
    stage.live.hold()
    for seconds, number in enumerate((0, 2, 3, 4), start=1):
        await stage.after(2 * seconds)
        app = stage.app.accepted[0] if stage.app.accepted else await stage.app.accept()
        assert (await app.message()).line == b"GET /%d HTTP/1.1" % number
        await app.send(ok())
        assert (await clients[number].answer()).status == 200
    assert app.silent()
    assert stage.tally.forwarded == 4


async def test_the_page_comes_when_the_time_is_up_and_the_connection_stays(start: Any) -> None:
    stage = await start(terms(seconds=600.0))
    client = await asks(stage)
    await stage.after(300)
    assert client.silent()
    await stage.after(601)
    answer = await client.answer()
    assert (answer.status, answer.one(b"x-maintenance")) == (503, b"site")
    await client.get()
    await waiting(stage)
    await lift(stage)
    await served(stage)
    assert (await client.answer()).status == 200
    assert stage.tally.refused == {"site": 1}


async def test_one_too_many_gets_the_page_at_once(start: Any) -> None:
    stage = await start(terms(limit=2))
    await asks(stage)
    second = await asks(stage)
    third = await stage.client()
    await third.get()
    assert (await third.answer()).status == 503
    second.reset()
    await stage.after(0)
    await waiting(stage, 1)
    await asks(stage)


async def test_a_lift_lets_those_go_on_whose_time_is_up_before_their_turn(start: Any) -> None:
    stage = await start(terms(seconds=5.0, rate=1))
    clients = [await asks(stage) for _ in range(3)]
    stage.live.hold()
    await stage.after(6)
    for client in clients:
        await served(stage)
        assert (await client.answer()).status == 200


@pytest.mark.parametrize("expects", [True, False])
@pytest.mark.parametrize("page", [True, False])
async def test_a_body_is_not_read_while_it_waits(
    start: Any,
    expects: bool,  # noqa: FBT001 a parameter
    page: bool,  # noqa: FBT001 a parameter
) -> None:
    stage = await start(HOLDING)
    client = await stage.client()
    size = 1 << 24
    lines = (b"Expect: 100-continue",) if expects else ()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: %d" % size, *lines))
    await waiting(stage)
    sent = 0 if expects else await client.stuff()
    assert sent < size
    (connection,) = stage.plane.clients
    assert connection._buffer == b""
    assert client.silent()
    if page:
        await stage.after(31)
        assert (await client.answer()).status == 503
        return
    await lift(stage)
    app = await stage.app.accept()
    await app.until(b"\r\n\r\n")
    left = size - len(app.buffer)
    app.buffer = b""
    while left:
        if sent < size:
            sent += client.try_send(bytes(min(1 << 20, size - sent)))
        left -= len(await app.some())
    await app.send(ok())
    assert (await client.answer()).status == 200


async def test_what_came_of_a_body_goes_on_with_it(start: Any) -> None:
    stage = await start(HOLDING)
    client = await stage.client()
    await client.send(
        head(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked") + b"5\r\nhe"
    )
    await waiting(stage)
    await client.send(b"llo\r\n0\r\n\r\n" + head(b"GET /next HTTP/1.1", b"Host: a"))
    await turns()
    await lift(stage)
    app, request = await stage.app.serve()
    assert request.body == b"5\r\nhello\r\n0\r\n\r\n"
    await app.send(ok())
    assert (await app.message()).line == b"GET /next HTTP/1.1"
    await app.send(ok(b"next"))
    assert (await client.answer()).body == b"hello"
    assert (await client.answer()).body == b"next"


async def test_pipelined_requests_wait_behind_one_that_waits(start: Any) -> None:
    stage = await start(flag("slow", "/slow", mode=Mode.HOLD))
    client = await stage.client()
    await client.send(
        b"".join(head(b"GET %b HTTP/1.1" % path, b"Host: a") for path in (b"/1", b"/slow", b"/2"))
    )
    app = await served(stage)
    await waiting(stage)
    assert (await client.answer()).status == 200
    await lift(stage)
    for line in (b"GET /slow HTTP/1.1", b"GET /2 HTTP/1.1"):
        assert (await app.message()).line == line
        await app.send(ok())
        assert (await client.answer()).status == 200


@pytest.mark.parametrize("with_body", [True, False])
@pytest.mark.parametrize("reset", [True, False])
async def test_a_client_that_left_is_dropped_at_once_and_not_forwarded(
    start: Any,
    with_body: bool,  # noqa: FBT001 a parameter
    reset: bool,  # noqa: FBT001 a parameter
) -> None:
    stage = await start(HOLDING)
    client = await stage.client()
    await client.send(POST + b"hel" if with_body else head(b"GET / HTTP/1.1", b"Host: a"))
    await waiting(stage)
    if reset:
        client.reset()
    else:
        client.close()
    await stage.after(0)
    await stage.until(lambda: not stage.plane.clients, "its connection is gone")
    assert not stage.plane.usher.room
    await lift(stage)
    assert stage.app.untouched()


async def test_a_half_closed_client_gets_the_page_at_once(start: Any) -> None:
    stage = await start(HOLDING)
    client = await asks(stage)
    client.half_close()
    await stage.after(0)
    assert (await client.answer()).status == 503
    assert await client.ended() == "closed"


async def test_half_closed_with_the_request_it_gets_the_page_too(start: Any) -> None:
    stage = await start(replace(HOLDING, state=replace(HOLDING.state, ttl=0)))
    stage.live.answers.clear()
    client = await stage.client()
    await client.get()
    await stage.until(lambda: stage.live.asked == 1, "the store is asked")
    client.half_close()
    await turns()
    stage.live.answers.set()
    assert (await client.answer()).status == 503
    assert await client.ended() == "closed"


async def test_head_and_old_clients_wait_as_others_do(start: Any) -> None:
    stage = await start(HOLDING)
    clients = []
    for version in (b"1.1", b"1.0"):
        clients.append(await stage.client())
        await clients[-1].send(head(b"HEAD / HTTP/" + version, b"Host: a"))
    await waiting(stage, 2)
    await stage.after(31)
    for client in clients:
        answer = await client.answer(bodyless=True)
        assert answer.status == 503
        assert client.silent() or client is clients[1]
    assert await clients[1].ended() == "closed"


async def test_a_websocket_waits_before_it_is_one(start: Any) -> None:
    stage = await start(HOLDING)
    client = await asks(stage, b"/ws", *UPGRADE)
    await lift(stage)
    app, request = await stage.app.serve()
    assert request.one(b"upgrade") == b"websocket"
    await app.send(head(b"HTTP/1.1 101 x", b"Connection: Upgrade", b"Upgrade: websocket"))
    assert (await client.answer()).status == 101


@pytest.mark.parametrize("rate", [1, 1000])
async def test_another_flag_refuses_whom_the_first_let_go(start: Any, rate: int) -> None:
    stage = await start(terms(rate=rate))
    client = await asks(stage)
    await lift(stage, flag("other"))
    answer = await client.answer()
    assert (answer.status, answer.one(b"x-maintenance")) == (503, b"other")


async def test_a_wait_for_two_flags_is_one_wait(start: Any) -> None:
    stage = await start(terms(seconds=600.0))
    client = await asks(stage)
    await stage.after(300)
    await lift(stage, replace(terms(seconds=900.0), name="other"))
    assert stage.plane.usher.room.counts() == {"other": 1}
    assert client.silent()
    await stage.after(901)
    answer = await client.answer()
    assert (answer.status, answer.one(b"x-maintenance")) == (503, b"other")


async def test_a_flag_flipped_to_refuse_gives_its_page_to_all_at_once(start: Any) -> None:
    stage = await start(terms(rate=1))
    clients = [await asks(stage) for _ in range(5)]
    stage.live.hold(REFUSING)
    await stage.after(0)
    for client in clients:
        assert (await client.answer()).status == 503


async def test_users_go_on_as_each_is_let_go(start: Any) -> None:
    def holding(*users: str) -> Flag:
        made = user_flag("users", users=users)
        return replace(made, state=replace(made.state, mode=Mode.HOLD))

    stage = await start(holding("ann", "bob"))
    ann = await asks(stage, b"/ann", b"Cookie: uid=ann")
    bob = await asks(stage, b"/bob", b"Cookie: uid=bob")
    await lift(stage, holding("ann"))
    app, request = await stage.app.serve()
    assert request.line == b"GET /bob HTTP/1.1"
    await app.send(ok())
    assert (await bob.answer()).status == 200
    assert ann.silent()


async def test_who_waits_is_admitted_at_the_revision_that_lets_go(start: Any) -> None:
    stage = await start(HOLDING)
    await asks(stage)
    await lift(stage, replace(HOLDING, state=FlagState(enabled=False)))
    await stage.app.accept()
    rule = stage.live.snapshot.rule("site")
    assert rule is not None
    revision = stage.live.snapshot.revision
    assert stage.plane.in_flight.watch(rule, None, revision).counts().in_flight == 0
    assert stage.plane.in_flight.watch(rule, None, revision + 1).counts().in_flight == 1


async def test_the_store_is_asked_before_who_waited_is_let_go(start: Any) -> None:
    stage = await start(replace(HOLDING, state=replace(HOLDING.state, ttl=0)))
    client = await asks(stage)
    stage.live.answers.clear()
    stage.live.hold(replace(HOLDING, state=FlagState(enabled=False, ttl=0)))
    await stage.after(0)
    await stage.after(0.2)
    await stage.until(lambda: stage.live.asked == 2, "the store is asked")
    assert stage.app.untouched()
    stage.live.hold(replace(HOLDING, state=replace(HOLDING.state, ttl=0)))  # on again meanwhile
    stage.live.answers.set()
    await waiting(stage)
    assert stage.app.untouched()
    assert client.silent()


async def test_a_strict_flag_lets_wait_until_the_lease_is_back(start: Any) -> None:
    off = replace(HOLDING, strict=True, state=replace(HOLDING.state, enabled=False))
    stage = await start(off)
    stage.live.fenced = fence(stage.live.snapshot, allow=stage.live.settings.allow)
    client = await asks(stage)
    await stage.after(1)
    assert client.silent()
    stage.live.fenced = None
    await stage.after(0)
    await stage.after(0.2)
    await served(stage)
    assert (await client.answer()).status == 200


async def test_a_lease_that_is_back_before_anybody_looks_is_noticed(start: Any) -> None:
    off = replace(HOLDING, strict=True, state=replace(HOLDING.state, enabled=False))
    stage = await start(flag("other", "/other", mode=Mode.HOLD), off)
    await asks(stage, b"/other")
    await stage.after(0)
    stage.live.fenced = fence(stage.live.snapshot, allow=stage.live.settings.allow)
    client = await asks(stage)
    stage.live.fenced = None
    await stage.after(0)
    await stage.after(1)
    await served(stage)
    assert (await client.answer()).status == 200


async def test_a_gateway_that_stops_gives_the_page_to_all_who_wait(start: Any) -> None:
    stage = await start(HOLDING)
    clients = [await asks(stage) for _ in range(3)]
    ending = asyncio.ensure_future(stage.plane.finish(30.0))
    for client in clients:
        answer = await client.answer()
        assert (answer.status, answer.one(b"connection")) == (503, b"close")
        assert await client.ended() == "closed"
        client.close()
    await stage.until(lambda: not stage.plane.clients, "all have ended")
    stage.plane._tick()
    await within(ending, "the end")


async def test_a_worker_that_is_replaced_lets_its_own_wait_on(start: Any) -> None:
    stage = await start(HOLDING, timeouts=Timeouts(shutdown=0.01))
    client = await asks(stage)
    ending = asyncio.ensure_future(stage.plane.retire(0.0))
    await turns(50)
    assert client.silent()
    await lift(stage)
    await served(stage)
    answer = await client.answer()
    assert (answer.status, answer.one(b"connection")) == (200, b"close")
    assert await client.ended() == "closed"
    client.close()
    await stage.until(lambda: not stage.plane.clients, "it has ended")
    stage.plane._tick()
    await within(ending, "the end")
