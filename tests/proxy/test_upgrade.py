"""Upgrades: a tunnel once the app has agreed, requests as ever if it has not."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core.flags import Flag, FlagState
from tests.support.proxy_stage import Stage
from tests.support.wire import RawClient, Wire, head, ok, turns

ASK = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: x")
AGREED = head(
    b"HTTP/1.1 101 Switching Protocols",
    b"Sec-WebSocket-Accept: y",
    b"Sec-WebSocket-Protocol: chat",
    b"Connection: Upgrade",
    b"Upgrade: websocket",
)


async def tunnel(stage: Stage) -> tuple[RawClient, Wire]:
    client = await stage.client()
    await client.get(b"/ws", *ASK)
    app, request = await stage.app.serve()
    assert request.one(b"Connection") == b"Upgrade"
    assert request.one(b"Upgrade") == b"websocket"
    await app.send(AGREED)
    assert await client.until(b"\r\n\r\n") == AGREED
    return client, app


async def test_after_101_bytes_pass_both_ways_untouched(stage: Stage) -> None:
    client, app = await tunnel(stage)

    for data in (b"\x81\x05hello", b"\0\r\n\r\nGET / HTTP/1.1\r\n\r\n", bytes(range(256))):
        await client.send(data)
        assert await app.exactly(len(data)) == data
        await app.send(data)
        assert await client.exactly(len(data)) == data
    assert len(stage.plane.in_flight) == 1


async def test_bytes_sent_ahead_of_the_101_reach_the_app_after_it(stage: Stage) -> None:
    client = await stage.client()
    await client.send(head(b"GET / HTTP/1.1", b"Host: a", *ASK) + b"\x81\x01a")
    app, _ = await stage.app.serve()
    await client.send(b"\x81\x01b")
    await turns()
    assert app.silent()
    await app.send(AGREED + b"\x81\x01c")

    assert await app.exactly(6) == b"\x81\x01a\x81\x01b"
    assert await client.exactly(len(AGREED) + 3) == AGREED + b"\x81\x01c"


async def test_a_declined_upgrade_is_followed_by_requests(stage: Stage) -> None:
    client = await stage.client()
    await client.send(
        head(b"GET /ws HTTP/1.1", b"Host: a", *ASK)
        + head(b"GET /next HTTP/1.1", b"Host: a")
        + b"\x81\x01a"
    )
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 426 x", b"Content-Length: 2") + b"no")
    assert (await client.answer()).status == 426
    assert (await app.message()).line == b"GET /next HTTP/1.1"
    await app.send(ok())
    assert (await client.answer()).status == 200
    assert (await client.answer()).status == 400  # and what is none is no request


@pytest.mark.parametrize(
    ("lines", "upgrade"),
    [
        ([], b"websocket"),
        ([b"Connection: Upgrade", b"Upgrade: h2c"], b"h2c"),
        ([b"Connection: Upgrade", b"Upgrade: h2c"], b"websocket"),
        ([*ASK], b"h2c"),
        ([*ASK], b"websocket, h2c"),
        ([*ASK, b"Content-Length: 1"], b"websocket"),
    ],
)
async def test_a_101_that_nobody_asked_for_is_502(
    stage: Stage, lines: list[bytes], upgrade: bytes
) -> None:
    client = await stage.client()
    await client.send(head(b"GET / HTTP/1.1", b"Host: a", *lines) + b"x")
    app = await stage.app.accept()
    await app.until(b"\r\n\r\n")
    await app.send(head(b"HTTP/1.1 101 x", b"Connection: Upgrade", b"Upgrade: " + upgrade))

    assert (await client.answer()).status == 502
    assert await app.drop() in {"closed", "reset"}


async def test_each_side_may_end_on_its_own(stage: Stage) -> None:
    client, app = await tunnel(stage)
    client.half_close()
    assert await app.ended() == "closed"
    await app.send(b"last words")
    app.close()
    assert await client.rest() == b"last words"
    await stage.idle()


async def test_a_client_that_half_closed_before_the_101_hears_the_app(stage: Stage) -> None:
    client = await stage.client()
    await client.send(head(b"GET / HTTP/1.1", b"Host: a", *ASK) + b"\x81\x01a")
    client.half_close()
    app, _ = await stage.app.serve()
    await app.send(AGREED)
    assert await app.rest() == b"\x81\x01a"
    await turns()
    await app.send(b"\x81\x01b")
    app.close()

    assert await client.rest() == AGREED + b"\x81\x01b"


async def test_the_app_may_end_first(stage: Stage) -> None:
    client, app = await tunnel(stage)
    app.half_close()
    assert await client.ended() == "closed"
    await client.send(b"last words")
    client.half_close()
    assert await app.rest() == b"last words"
    await stage.idle()


async def test_a_half_closed_client_that_reads_slowly_gets_everything(stage: Stage) -> None:
    client, app = await tunnel(stage)
    client.half_close()
    assert await app.ended() == "closed"
    size, left, received = 8 << 20, 8 << 20, 0
    while received < size:
        left -= app.try_send(bytes(min(left, 1 << 20))) if left else 0
        if not left:
            app.close()
        received += len(await client.some())
    assert await client.ended() == "closed"


async def test_a_half_closed_client_is_not_cut_when_the_app_catches_up(stage: Stage) -> None:
    """Reading is stopped and goes on after the end was read: the end is then read twice."""
    client, app = await tunnel(stage)
    sent = await client.stuff()
    client.half_close()
    assert len(await app.rest()) == sent
    await app.send(b"answer")
    app.close()
    assert await client.rest() == b"answer"


@pytest.mark.parametrize("from_client", [True, False])
async def test_a_side_that_does_not_read_stops_the_other(
    stage: Stage,
    from_client: bool,  # noqa: FBT001 a parameter
) -> None:
    client, app = await tunnel(stage)
    sender: Wire = client if from_client else app
    receiver: Wire = app if from_client else client
    sent = await sender.stuff()
    ends = [*stage.plane.clients, *stage.plane.upstreams]
    assert sum(end.transport.get_write_buffer_size() for end in ends) < 1 << 20
    assert len(await receiver.exactly(sent)) == sent


async def test_a_client_that_is_lost_ends_the_apps_side(stage: Stage) -> None:
    client, app = await tunnel(stage)
    client.reset()

    assert await app.ended() == "closed"
    app.close()
    await stage.idle()


async def test_an_app_that_is_lost_ends_the_clients_side(stage: Stage) -> None:
    client, app = await tunnel(stage)
    app.reset()

    assert await client.ended() == "closed"
    await stage.idle()


@pytest.mark.parametrize("from_client", [True, False])
async def test_a_side_that_never_reads_ends_the_tunnel(
    stage: Stage,
    from_client: bool,  # noqa: FBT001 a parameter
) -> None:
    client, app = await tunnel(stage)
    sender: Wire = client if from_client else app
    await sender.stuff()
    sender.reset()  # not seen: nothing is read from it
    await stage.after(80)
    await stage.after(80)
    await stage.until(lambda: not stage.plane.clients, "the client's side is gone")
    await stage.idle()
    assert not stage.plane.upstreams


async def test_an_upgrade_in_scope_is_refused_never_101(start: Any) -> None:
    stage = await start(Flag("site", FlagState(enabled=True)))
    client = await stage.client()
    await client.get(b"/ws", *ASK)

    assert (await client.answer()).status == 503
    assert stage.app.untouched()


async def test_an_upgrade_that_expects_100_gets_both(stage: Stage) -> None:
    client = await stage.client()
    await client.get(b"/ws", *ASK, b"Expect: 100-continue")
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 100 Continue") + AGREED + b"x")

    assert await client.exactly(len(AGREED) + 26) == head(b"HTTP/1.1 100 Continue") + AGREED + b"x"


async def test_a_tunnel_knows_no_time_out(stage: Stage) -> None:
    client, app = await tunnel(stage)
    await stage.after(1_000_000)
    await client.send(b"still")

    assert await app.exactly(5) == b"still"
