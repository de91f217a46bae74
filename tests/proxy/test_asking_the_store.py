"""A flag with TTL 0: the store is asked for each request in its scope, before anything is done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.core.flags import Flag, FlagState, Scope
from gateway.core.paths import compile_path
from tests.support.wire import head, ok, turns

SEARCH = Flag("search", FlagState(enabled=True), scope=Scope(paths=(compile_path("/search"),)))
ASKING = Flag("site", FlagState(enabled=False, ttl=0))


async def test_a_flag_without_ttl_has_the_store_asked_for_each_request(start: Any) -> None:
    stage = await start(ASKING)
    client = await stage.client()
    for asked in (1, 2):
        await client.get()
        app = stage.app.accepted[0] if stage.app.accepted else await stage.app.accept()
        await app.message()
        assert stage.live.asked == asked
        await app.send(ok())
        assert (await client.answer()).status == 200


async def test_out_of_its_scope_the_store_is_not_asked(start: Any) -> None:
    stage = await start(replace(SEARCH, state=FlagState(enabled=False, ttl=0)))
    client = await stage.client()
    await client.get(b"/other")
    await stage.app.serve()

    assert stage.live.asked == 0


async def test_what_the_store_says_decides(start: Any) -> None:
    stage = await start(ASKING)
    stage.live.answers.clear()
    client = await stage.client()
    await client.get()
    await stage.until(lambda: stage.live.asked == 1, "the store is asked")
    stage.live.hold(replace(ASKING, state=FlagState(enabled=True, ttl=0)))
    stage.live.answers.set()

    assert (await client.answer()).status == 503
    assert stage.app.untouched()


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("cut", [0, 3, 80, 10_000])
async def test_bodies_and_what_follows_wait_for_the_store(
    start: Any,
    enabled: bool,  # noqa: FBT001 a parameter
    cut: int,
) -> None:
    stage = await start(Flag("site", FlagState(enabled=enabled, ttl=0)))
    stage.live.answers.clear()
    client = await stage.client()
    data = (
        head(b"POST /1 HTTP/1.1", b"Host: a", b"Content-Length: 5")
        + b"hello"
        + head(b"POST /2 HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked")
        + b"2\r\nhi\r\n0\r\n\r\n"
        + head(b"GET /3 HTTP/1.1", b"Host: a")
    )
    await client.send(data[:cut])
    await turns()
    await client.send(data[cut:])
    await turns()
    assert stage.app.untouched()
    assert client.silent()
    stage.live.answers.set()

    if enabled:
        for _ in range(3):
            assert (await client.answer()).status == 503
        assert stage.app.untouched()
    else:
        app = await stage.app.accept()
        for body in (b"hello", b"2\r\nhi\r\n0\r\n\r\n", b""):
            assert (await app.message()).body == body
            await app.send(ok())
            assert (await client.answer()).status == 200
    assert stage.live.asked == 3


async def test_an_upload_that_waits_for_the_store_is_not_buffered(start: Any) -> None:
    stage = await start(ASKING)
    stage.live.answers.clear()
    client = await stage.client()
    size = 1 << 26
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: %d" % size))
    sent = await client.stuff()
    (connection,) = stage.plane.clients
    assert len(connection._buffer) < 400_000
    stage.live.answers.set()
    app = await stage.app.accept()
    await app.until(b"\r\n\r\n")
    sent += await client.stuff()  # the app does not read yet: still not buffered
    (upstream,) = stage.plane.upstreams
    assert upstream.transport.get_write_buffer_size() < 700_000
    assert len(connection._buffer) == 0
    received = len(app.buffer)
    app.buffer = b""
    while received < size:
        if sent < size:
            sent += client.try_send(bytes(min(1 << 20, size - sent)))
        received += len(await app.some())


async def test_a_client_that_leaves_while_the_store_is_asked_is_forgotten(start: Any) -> None:
    stage = await start(ASKING)
    stage.live.answers.clear()
    client = await stage.client()
    await client.get()
    await stage.until(lambda: stage.live.asked == 1, "the store is asked")
    client.reset()
    await stage.until(lambda: not stage.plane.clients, "the client is gone")
    stage.live.answers.set()
    await turns()

    assert stage.app.untouched()


@pytest.mark.parametrize("whole", [True, False])
async def test_a_half_closed_client_waits_for_the_store_too(
    start: Any,
    whole: bool,  # noqa: FBT001 a parameter
) -> None:
    stage = await start(ASKING)
    stage.live.answers.clear()
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 5") + b"he")
    if whole:
        await client.send(b"llo")
    client.half_close()
    await turns()
    stage.live.answers.set()
    if whole:
        app, _ = await stage.app.serve()
        await app.send(ok())
        assert (await client.answer()).status == 200
    assert await client.ended() == "closed"
    await stage.idle()


async def test_broken_chunks_that_waited_for_the_store_are_400(start: Any) -> None:
    stage = await start(ASKING)
    client = await stage.client()
    await client.send(
        head(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked") + b"xyz\r\n"
    )

    assert (await client.answer()).status == 400
    assert stage.app.untouched()


async def test_a_store_that_raises_ends_the_connection_and_lets_nothing_through(
    start: Any, caplog: pytest.LogCaptureFixture
) -> None:
    stage = await start(ASKING)
    stage.live.error = ZeroDivisionError()
    client = await stage.client()
    await client.get()

    assert await client.ended() == "reset"
    assert stage.app.untouched()
    assert [record.name for record in caplog.records] == ["gateway.proxy"]
    caplog.clear()
