"""An app that is down, with ``on_app_down: hold``: requests wait, none is lost and none doubled."""

from __future__ import annotations

import asyncio
import logging
import ssl
from dataclasses import replace
from typing import Any

import pytest

from gateway.config.settings import Address, OnAppDown, UpstreamTls
from gateway.core.flags import HoldTerms, Mode, Strip
from gateway.proxy.hold.waiting_room import THE_APP
from tests.support.flags import flag
from tests.support.proxy_stage import Stage
from tests.support.wire import RawApp, RawClient, Wire, head, ok, turns, within


@pytest.fixture
async def down(start: Any) -> Stage:
    """In front of an app that does not listen yet."""
    made: Stage = await start(
        app=RawApp(up=False), on_app_down=OnAppDown.HOLD, hold=HoldTerms(seconds=600.0, limit=50)
    )
    return made


@pytest.fixture
async def up(start: Any) -> Stage:
    made: Stage = await start(on_app_down=OnAppDown.HOLD, hold=HoldTerms(seconds=600.0))
    return made


@pytest.fixture
def failing(caplog: pytest.LogCaptureFixture) -> Any:
    """For tests in which the app fails: that is logged, and nothing else."""
    yield
    for record in caplog.records:
        if record.levelno >= logging.WARNING:
            assert record.getMessage().startswith(("502: ", "503: "))
    caplog.clear()


async def waiting(stage: Stage, count: int = 1, key: str = THE_APP) -> None:
    await stage.until(lambda: stage.plane.usher.room.count(key) == count, "they wait")


async def asks(stage: Stage, data: bytes) -> RawClient:
    before = stage.plane.usher.room.count(THE_APP)
    client = await stage.client()
    await client.send(data)
    await waiting(stage, before + 1)
    return client


def get(target: bytes = b"/") -> bytes:
    return head(b"GET %b HTTP/1.1" % target, b"Host: a")


async def back(stage: Stage) -> Wire:
    """The app listens, the gateway has noticed, and those who wait go on."""
    stage.app.come_up()
    app = await stage.app.accept()
    await stage.until(lambda: len(stage.plane.pool) == 1, "the app is back")
    await stage.after(1)
    return app


async def test_requests_wait_and_go_on_when_the_app_is_back(down: Stage) -> None:
    client = await asks(down, get())
    await down.after(300)
    assert client.silent()
    assert len(down.plane.in_flight) == 0
    app = await back(down)
    assert (await app.message()).line == b"GET / HTTP/1.1"
    await app.send(ok())
    assert (await client.answer()).status == 200
    assert down.tally.held == {THE_APP: 1}
    assert down.tally.failures == {}


async def test_they_go_on_in_order_and_nothing_goes_twice(down: Stage) -> None:
    clients = [await asks(down, get(b"/%d" % number)) for number in range(5)]
    wires = [await back(down)]
    lines = [(await wires[0].message()).line]
    for _ in range(4):
        wires.append(await down.app.accept())
        lines.append((await wires[-1].message()).line)
    assert sorted(lines) == [b"GET /%d HTTP/1.1" % number for number in range(5)]
    assert lines[0] == b"GET /0 HTTP/1.1"
    for wire in wires:
        await wire.send(ok())
    for client in clients:
        assert (await client.answer()).status == 200


LENGTH = head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 10")
CHUNKED = head(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked")
CHUNKS = b"5;x=y\r\nhello\r\n5\r\nworld\r\n0\r\nTrailer: x\r\n\r\n"
SENT = b"5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"


@pytest.mark.parametrize("cut", [0, 3, 7, 9, 12, 14, 24, 29, 35, len(CHUNKS)])
@pytest.mark.parametrize("chunked", [True, False])
async def test_what_was_taken_of_a_body_is_read_anew(
    down: Stage,
    cut: int,
    chunked: bool,  # noqa: FBT001 a parameter
) -> None:
    start, body, sent = (
        (CHUNKED, CHUNKS, SENT) if chunked else (LENGTH, b"helloworld", b"helloworld")
    )
    client = await asks(down, start + body[:cut])
    await client.send(body[cut:] + get(b"/next"))
    await turns()
    app = await back(down)
    assert (await app.message()).body == sent
    await app.send(ok())
    assert (await app.message()).line == b"GET /next HTTP/1.1"
    await app.send(ok())
    for _ in range(2):
        assert (await client.answer()).status == 200


async def test_a_flag_that_is_turned_on_meanwhile_has_its_say(down: Stage) -> None:
    refused, waits = await asks(down, get(b"/refused")), await asks(down, get(b"/waits"))
    down.live.hold(flag("no", "/refused"), flag("later", "/waits", mode=Mode.HOLD))
    await down.after(0)
    assert (await refused.answer()).one(b"x-maintenance") == b"no"
    assert down.plane.usher.room.counts() == {"later": 1}
    down.live.hold()
    await down.after(0)
    await down.after(1)
    await waiting(down)  # for the app again
    app = await back(down)
    await app.message()
    await app.send(ok())
    assert (await waits.answer()).status == 200


async def test_what_a_flag_took_out_of_a_request_is_there_again_when_it_is_lifted(
    start: Any,
) -> None:
    anonymous = replace(
        flag("anonymous", mode=Mode.ANONYMOUS), strip=Strip(headers=("Authorization",))
    )
    stage = await start(
        anonymous, flag("told", mode=Mode.NOTICE), app=RawApp(up=False), on_app_down=OnAppDown.HOLD
    )
    lines = (b"Host: a", b"Authorization: Basic YQ==")
    await asks(stage, head(b"GET / HTTP/1.1", *lines))
    stage.live.hold(flag("told", mode=Mode.NOTICE))
    request = await (await back(stage)).message()
    assert request.all(b"authorization") == [b"Basic YQ=="]
    assert request.all(b"x-maintenance-notice") == [b"told"]


async def test_who_waits_too_long_gets_the_502(down: Stage, failing: None) -> None:
    client = await asks(down, get())
    await down.after(601)
    assert (await client.answer()).status == 502
    await client.send(get())
    await waiting(down)
    assert down.tally.failures == {502: 1}


async def test_one_too_many_gets_the_502_at_once(start: Any, failing: None) -> None:
    stage = await start(app=RawApp(up=False), on_app_down=OnAppDown.HOLD, hold=HoldTerms(limit=1))
    await asks(stage, get())
    client = await stage.client()
    await client.send(get())
    assert (await client.answer()).status == 502


async def test_a_client_that_left_is_dropped_and_never_sent(down: Stage) -> None:
    client = await asks(down, LENGTH + b"hel")
    client.close()
    await down.after(0)
    await down.until(lambda: not down.plane.clients, "it is gone")
    down.app.come_up()
    await turns()
    assert down.app.untouched()


async def test_a_gateway_that_stops_answers_who_waits(down: Stage, failing: None) -> None:
    client = await asks(down, get())
    ending = asyncio.ensure_future(down.plane.finish(30.0))
    answer = await client.answer()
    assert (answer.status, answer.one(b"connection")) == (502, b"close")
    client.close()
    await down.until(lambda: not down.plane.clients, "it has ended")
    down.plane._tick()
    await within(ending, "the end")


async def test_what_went_down_with_a_kept_connection_waits_and_is_sent_again(up: Stage) -> None:
    client = await up.client()
    await client.get()
    app, _ = await up.app.serve()
    await app.send(ok())
    await client.answer()
    await client.get(b"/again")
    await app.message()
    app.close()
    again, request = await up.app.serve()
    assert request.line == b"GET /again HTTP/1.1"
    await again.send(ok())
    assert (await client.answer()).status == 200


async def test_a_request_lost_on_a_new_connection_is_sent_again_but_never_a_third_time(
    up: Stage, failing: None
) -> None:
    client = await up.client()
    await client.get()
    for _ in range(2):
        app, _ = await up.app.serve()
        app.close()
    assert (await client.answer()).status == 502
    assert up.app.untouched()
    assert up.tally.retried == 1


async def test_what_was_sent_before_it_waited_is_sent_once_more_alone(
    start: Any, failing: None
) -> None:
    path_app = RawApp()
    stage = await start(app=path_app, on_app_down=OnAppDown.HOLD, hold=HoldTerms(seconds=600.0))
    client = await stage.client()
    await client.get()
    app, _ = await path_app.serve()
    reachable, stage.plane.connector._address = stage.plane.connector._address, _nowhere()
    app.close()
    await waiting(stage)
    stage.plane.connector._address = reachable
    knock = await path_app.accept()
    await stage.until(lambda: len(stage.plane.pool) == 1, "the app is back")
    await stage.after(1)
    await knock.message()
    knock.close()
    assert (await client.answer()).status == 502
    assert path_app.untouched()


@pytest.mark.parametrize("data", [LENGTH + b"helloworld", b"POST / HTTP/1.1\r\nHost: a\r\n\r\n"])
async def test_what_may_not_be_sent_again_is_502(up: Stage, failing: None, data: bytes) -> None:
    client = await up.client()
    await client.send(data)
    app, _ = await up.app.serve()
    app.close()
    assert (await client.answer()).status == 502
    assert up.app.untouched()


async def test_an_app_whose_tls_fails_is_not_waited_for(start: Any, failing: None) -> None:
    app, context = RawApp(), ssl.create_default_context()
    stage = await start(
        app=app,
        upstream=Address("127.0.0.1", app.port, tls=True),
        upstream_tls=UpstreamTls(None, verify=True, files=(), digest=b"", context=context),
        on_app_down=OnAppDown.HOLD,
    )
    client = await stage.client()
    await client.get()
    wire = await app.accept()
    await wire.some()
    await wire.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert (await client.answer()).status == 502


def _nowhere() -> Address:
    return Address(path="/nonexistent/app.sock")
