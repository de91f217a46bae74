"""Whose share of a request's time is whose: the app's, the gateway's, the client's, the waiting."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.config.settings import OnAppDown, Timeouts
from gateway.core.flags import HoldTerms, Mode
from gateway.telemetry.durations import Durations
from gateway.telemetry.tally import Tally, Waited
from tests.support.flags import flag
from tests.support.proxy_stage import Stage
from tests.support.wire import RawApp, head, ok

HOLDING = replace(flag("site", mode=Mode.HOLD), hold=HoldTerms(seconds=600.0))


class Clock:
    """The plane's, moved by the test; between two moves no time passes."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def opened(start: Any, clock: Clock, *flags: Any, **settings: Any) -> Stage:
    stage: Stage = await start(*flags, timeouts=Timeouts(response=600.0, idle=600.0), **settings)
    stage.plane.time = clock
    return stage


def count(times: Durations) -> int:
    return sum(times.counts)


def shares(tally: Tally, digit: int = 2) -> tuple[float, float]:
    """The app's and the gateway's, of one request that was forwarded."""
    assert count(tally.app_times[digit]) == count(tally.forward_times) == 1
    return tally.app_times[digit].seconds, tally.forward_times.seconds


async def test_waiting_for_the_answers_head_is_the_apps(start: Any, clock: Clock) -> None:
    stage = await opened(start, clock)
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    clock.now += 5
    await app.send(head(b"HTTP/1.1 404 No", b"Content-Length: 4") + b"ab")
    await client.until(b"ab")
    clock.now += 7  # the body is nobody's
    await app.send(b"cd")
    await client.until(b"cd")
    await stage.idle()

    assert shares(stage.tally, 4) == (5.0, 0.0)
    assert stage.tally.answers == [0, 0, 0, 0, 1, 0]


async def test_whole_answer_is_timed_alike(start: Any, clock: Clock) -> None:
    stage = await opened(start, clock)
    client = await stage.client()
    for seconds in (5, 0):
        await client.get()
        app = stage.app.accepted[0] if stage.app.accepted else await stage.app.accept()
        await app.message()
        clock.now += seconds
        await app.send(ok())
        await client.answer()

    assert stage.tally.app_times[2].seconds == 5.0
    assert stage.tally.answers[2] == stage.tally.forwarded == count(stage.tally.forward_times) == 2


async def test_time_that_an_upload_takes_is_the_clients(start: Any, clock: Clock) -> None:
    stage = await opened(start, clock)
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 4") + b"ab")
    app = await stage.app.accept()
    await app.until(b"ab")
    clock.now += 7
    await client.send(b"cd")
    await app.until(b"cd")
    clock.now += 5
    await app.send(ok())
    await client.answer()

    assert shares(stage.tally) == (5.0, 0.0)


async def test_answer_that_never_came_is_in_a_class_of_its_own(start: Any, clock: Clock) -> None:
    stage = await opened(start, clock)
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 0"))
    app, _ = await stage.app.serve()
    clock.now += 5
    app.close()
    assert (await client.answer()).status == 502

    assert shares(stage.tally, 0) == (5.0, 0.0)
    assert sum(stage.tally.answers) == 0


async def test_connecting_is_the_gateways(start: Any, clock: Clock, caplog: Any) -> None:
    stage = await opened(start, clock, app=RawApp(up=False))
    connect = stage.plane.connector.connect

    def slowly(exchange: Any) -> None:
        clock.now += 5
        connect(exchange)

    stage.plane.connector.connect = slowly  # type: ignore[method-assign]
    client = await stage.client()
    await client.get()
    assert (await client.answer()).status == 502
    caplog.clear()

    assert stage.tally.forward_times.seconds == 5.0
    assert count(stage.tally.app_times[0]) == 0  # it was given nothing


async def test_asking_the_store_is_the_gateways(start: Any, clock: Clock) -> None:
    stage = await opened(start, clock, flag("site", ttl=0.0))
    stage.live.answers.clear()
    client = await stage.client()
    await client.get()
    await stage.until(lambda: stage.live.asked == 1, "the store is asked")
    clock.now += 5
    stage.live.answers.set()
    assert (await client.answer()).status == 503

    assert stage.tally.refusal_times.seconds == 5.0
    assert count(stage.tally.refusal_times) == 1
    assert count(stage.tally.forward_times) == 0


async def test_time_held_is_in_neither_share(start: Any, clock: Clock) -> None:
    stage = await opened(start, clock, HOLDING)
    client = await stage.client()
    await client.get()
    await stage.until(lambda: bool(stage.plane.usher.room), "it waits")
    clock.now += 7
    stage.live.hold()
    await stage.after(0)
    app, _ = await stage.app.serve()
    clock.now += 5
    await app.send(ok())
    await client.answer()

    assert shares(stage.tally) == (5.0, 0.0)
    assert stage.tally.held_times[Waited.FORWARDED].seconds == 7.0


async def test_a_wait_that_ends_with_the_page_is_counted_as_that(start: Any, clock: Clock) -> None:
    stage = await opened(start, clock, HOLDING)
    client = await stage.client()
    await client.get()
    await stage.until(lambda: bool(stage.plane.usher.room), "it waits")
    clock.now += 601
    await stage.after(0)
    assert (await client.answer()).status == 503

    assert stage.tally.held_times[Waited.REFUSED].seconds == 601.0
    assert stage.tally.refusal_times.seconds == 0.0


@pytest.mark.parametrize("reset", [True, False])
async def test_a_client_that_leaves_is_counted_as_that(
    start: Any,
    clock: Clock,
    reset: bool,  # noqa: FBT001 a parameter
) -> None:
    stage = await opened(start, clock, HOLDING)
    client = await stage.client()
    await client.get()
    await stage.until(lambda: bool(stage.plane.usher.room), "it waits")
    clock.now += 7
    if reset:
        client.reset()
    else:
        client.close()

    async def gone() -> None:
        while stage.plane.clients:
            await stage.after(0)

    await asyncio.wait_for(gone(), 60)
    found = {outcome: count(times) for outcome, times in stage.tally.held_times.items()}
    assert found == {Waited.LEFT: 1, Waited.FORWARDED: 0, Waited.REFUSED: 0}
    assert stage.tally.held_times[Waited.LEFT].seconds == 7.0


async def test_request_that_waits_for_the_app_is_forwarded_once(start: Any) -> None:
    stage = await start(
        app=RawApp(up=False), on_app_down=OnAppDown.HOLD, hold=HoldTerms(seconds=600.0)
    )
    client = await stage.client()
    await client.get()
    await stage.until(lambda: bool(stage.plane.usher.room), "it waits")
    stage.app.come_up()
    app = await stage.app.accept()
    await stage.until(lambda: len(stage.plane.pool) == 1, "the app is back")
    await stage.after(1)
    await app.message()
    await app.send(ok())
    await client.answer()
    await client.get()
    await app.message()
    await app.send(ok())
    await client.answer()

    assert stage.tally.forwarded == 2
    assert count(stage.tally.held_times[Waited.FORWARDED]) == 1


async def test_what_is_noted_is_counted_with_each_tick(start: Any) -> None:
    stage = await start()
    stage.tally.answered(200, 1.0, 1.0)
    stage.plane._tick()
    assert stage.tally.forward_times._noted == []
    assert count(stage.tally.loop_times) == 1
