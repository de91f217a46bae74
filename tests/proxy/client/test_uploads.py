"""How slowly a request's body may come, and what it may weigh beside its payload."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config.settings import Address, Limits, Settings, Timeouts
from gateway.core.flags import Flag, FlagState
from gateway.proxy.client.uploads import fast_enough
from tests.support.proxy_stage import Stage
from tests.support.wire import RawClient, Wire, head, ok, turns

CHUNKED = b"Transfer-Encoding: chunked"
SITE = Flag("site", FlagState(enabled=True))


async def upload(stage: Stage, *lines: bytes) -> tuple[RawClient, Wire]:
    """An upload under way: its first byte has reached the app."""
    client = await stage.client()
    body = b"1\r\nx\r\n" if CHUNKED in lines else b"x"
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", *lines) + body)
    app = await stage.app.accept()
    await app.until(b"x")
    return client, app


@pytest.mark.parametrize("lines", [(b"Content-Length: 100000",), (CHUNKED,)])
async def test_an_upload_that_trickles_is_408_and_never_completed(
    stage: Stage, lines: tuple[bytes, ...]
) -> None:
    client, app = await upload(stage, *lines)
    for _ in range(20):
        await client.send(b"1\r\nx\r\n" if CHUNKED in lines else b"x")
        await turns(3)
    await stage.after(29)
    assert client.silent()
    await stage.after(30.1)

    answer = await client.answer()
    assert (answer.status, answer.one(b"Connection")) == (408, b"close")
    assert not (await app.rest_or_reset()).endswith(b"0\r\n\r\n")
    await stage.idle()


async def test_an_upload_at_the_least_rate_goes_on_for_as_long_as_it_takes(stage: Stage) -> None:
    client, app = await upload(stage, b"Content-Length: 9001")
    for _ in range(3):
        await client.send(bytes(3000))
        await app.exactly(3000)
        await stage.after(30.1)
    await app.send(ok())

    assert (await client.answer()).status == 200


async def test_a_rate_of_nought_asks_for_a_byte_in_each_span(start: Any) -> None:
    stage = await start(limits=Limits(body_rate=0), timeouts=Timeouts(body=3))
    client, app = await upload(stage, b"Content-Length: 4")
    for _ in range(2):
        await client.send(b"x")
        await app.exactly(1)
        await stage.after(3.1)
    assert client.silent()
    await stage.after(3.1)

    assert (await client.answer()).status == 408


async def test_a_small_body_may_take_its_time_though_no_more_than_that(stage: Stage) -> None:
    client, app = await upload(stage, b"Content-Length: 2")
    await stage.after(29)
    await client.send(b"y")
    await app.exactly(1)
    await stage.after(59)  # the app has them now
    await app.send(ok())

    assert (await client.answer()).status == 200


async def test_an_upload_that_trickles_into_its_answer_is_cut(stage: Stage) -> None:
    client, app = await upload(stage, b"Content-Length: 100000")
    await app.send(ok()[:-1])
    await client.until(b"hell")
    await stage.after(30.1)

    assert await client.ended() == "reset"


async def test_a_client_is_not_blamed_for_an_app_that_does_not_read(stage: Stage) -> None:
    client, app = await upload(stage, b"Content-Length: 100000000")
    sent = await client.stuff()
    await stage.after(59)
    assert client.silent()
    await app.exactly(sent)
    await stage.after(30.1)  # enough has come since the app reads again
    assert client.silent()
    await stage.after(30.1)

    assert (await client.answer()).status == 408


async def test_an_app_may_take_its_time_to_ask_for_an_expected_body(stage: Stage) -> None:
    client = await stage.client()
    await client.send(
        head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 2", b"Expect: 100-continue")
    )
    app = await stage.app.accept()
    await app.until(b"\r\n\r\n")
    await stage.after(59)
    assert client.silent()
    await app.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    await client.until(b"\r\n\r\n")
    await client.send(b"hi")
    await app.exactly(2)
    await app.send(ok())

    assert (await client.answer()).status == 200


async def test_a_refused_upload_that_trickles_is_let_go(start: Any) -> None:
    stage = await start(SITE)
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 5000"))
    assert (await client.answer()).status == 503
    for _ in range(20):
        await client.send(b"x")
        await turns(3)
    await stage.after(30.1)

    assert await client.ended() == "closed"


async def test_after_a_refused_upload_the_connection_waits_as_any_other(start: Any) -> None:
    stage = await start(SITE)
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 5"))
    assert (await client.answer()).status == 503
    await client.send(b"hello")
    await stage.after(74)
    await client.get()

    assert (await client.answer()).status == 503


@pytest.mark.parametrize(
    ("received", "enough"), [(0, False), (2999, False), (3000, True), (1 << 40, True)]
)
def test_what_is_enough_is_the_rate_over_the_time(received: int, *, enough: bool) -> None:
    settings = Settings(Address("127.0.0.1", 1))
    assert fast_enough(received, settings) is enough
