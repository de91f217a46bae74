"""Browser apps of other origins: what they may read of the gateway's own answers."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core.flags import Flag, FlagState, Mode, Page
from tests.support.proxy_stage import Stage
from tests.support.wire import head, ok

APP = b"https://app.example.com"
SITE = Flag("site", FlagState(enabled=True), page=Page(retry_after=120))


@pytest.fixture
async def held(start: Any) -> Stage:
    made: Stage = await start(SITE, cors_origins=(APP.decode(),))
    return made


async def preflight(stage: Stage, *lines: bytes, origin: bytes = APP) -> Any:
    client = await stage.client()
    await client.send(head(b"OPTIONS /api HTTP/1.1", b"Host: a", b"Origin: %b" % origin, *lines))
    return await client.answer()


async def test_an_allowed_origin_reads_the_503_and_when(held: Stage) -> None:
    client = await held.client()
    await client.get(b"/api", b"Origin: %b" % APP)
    answer = await client.answer()

    assert answer.status == 503
    assert answer.one(b"Access-Control-Allow-Origin") == APP
    assert answer.one(b"Access-Control-Allow-Credentials") == b"true"
    assert answer.one(b"Access-Control-Expose-Headers") == b"Retry-After, X-Maintenance"
    assert b"Origin" in answer.all(b"Vary")


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b"Origin: https://evil.example"],
        [b"Origin: null"],
        [b"Origin: https://app.example.com.evil.example"],
        [b"Origin: HTTPS://app.example.com"],
        [b"Origin: *"],
        [b"Origin: " + APP, b"Origin: https://evil.example"],
    ],
)
async def test_nobody_else_does_and_caches_know_that_it_differs(
    held: Stage, lines: list[bytes]
) -> None:
    client = await held.client()
    await client.get(b"/api", *lines)
    answer = await client.answer()
    assert answer.status == 503
    assert answer.one(b"Access-Control-Allow-Origin") is None
    assert b"Origin" in answer.all(b"Vary")


async def test_a_preflight_is_answered_so_that_the_browser_asks_on(held: Stage) -> None:
    answer = await preflight(
        held,
        b"Access-Control-Request-Method: PUT",
        b"Access-Control-Request-Headers: content-type,x-token",
    )
    assert (answer.status, answer.body) == (204, b"")
    assert answer.one(b"Access-Control-Allow-Origin") == APP
    assert answer.one(b"Access-Control-Allow-Methods") == b"PUT"
    assert answer.one(b"Access-Control-Allow-Headers") == b"content-type,x-token"
    assert answer.one(b"Access-Control-Max-Age") == b"0"
    assert answer.one(b"Content-Length") is None
    assert held.app.untouched()


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [b"Access-Control-Request-Method: P U T"],
        [b"Access-Control-Request-Method: " + b"A" * 65],
        [b"Access-Control-Request-Method: PUT", b"Access-Control-Request-Headers: a b"],
        [b"Access-Control-Request-Method: PUT", b"Access-Control-Request-Headers: " + b"a," * 3000],
    ],
)
async def test_what_is_no_preflight_gets_the_503(held: Stage, lines: list[bytes]) -> None:
    assert (await preflight(held, *lines)).status == 503


async def test_a_preflight_of_another_origin_gets_the_503(held: Stage) -> None:
    put = b"Access-Control-Request-Method: PUT"
    answer = await preflight(held, put, origin=b"https://evil.example")
    assert (answer.status, answer.one(b"Access-Control-Allow-Origin")) == (503, None)


async def test_a_star_lets_everybody_read_but_not_with_credentials(start: Any) -> None:
    stage = await start(SITE, cors_origins=("*",))
    answer = await preflight(stage, b"Access-Control-Request-Method: PUT")
    assert answer.status == 204
    assert answer.one(b"Access-Control-Allow-Origin") == b"*"
    assert answer.one(b"Access-Control-Allow-Credentials") is None


async def test_without_the_setting_nothing_is_said(start: Any) -> None:
    stage = await start(SITE)
    answer = await preflight(stage, b"Access-Control-Request-Method: PUT")
    assert answer.status == 503
    assert answer.all(b"Vary") == [b"Accept, Accept-Language, Sec-Fetch-Dest"]
    assert answer.one(b"Access-Control-Allow-Origin") is None


async def test_read_only_leaves_the_preflight_to_the_app(start: Any) -> None:
    writes = Flag("writes", FlagState(enabled=True, mode=Mode.READ_ONLY))
    stage = await start(writes, cors_origins=(APP.decode(),))
    client = await stage.client()
    origin = b"Origin: %b" % APP
    ask = b"Access-Control-Request-Method: POST"
    await client.send(head(b"OPTIONS /api HTTP/1.1", b"Host: a", origin, ask))
    app, _ = await stage.app.serve()
    await app.send(ok())
    answer = await client.answer()
    assert (answer.status, answer.one(b"Access-Control-Allow-Origin")) == (200, None)

    await client.send(head(b"POST /api HTTP/1.1", b"Host: a", origin))
    answer = await client.answer()
    assert (answer.status, answer.one(b"Access-Control-Allow-Origin")) == (503, APP)


async def test_an_app_that_is_away_can_be_read_too_and_an_edit_counts_at_once(held: Stage) -> None:
    held.live.hold()
    held.app.close()
    client = await held.client()
    await client.get(b"/api", b"Origin: %b" % APP)
    answer = await client.answer()
    assert (answer.status, answer.one(b"Access-Control-Allow-Origin")) == (502, APP)

    held.take_settings(cors_origins=())
    await client.get(b"/api", b"Origin: %b" % APP)
    assert (await client.answer()).one(b"Access-Control-Allow-Origin") is None
