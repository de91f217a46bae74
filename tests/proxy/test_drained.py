"""What has no end of its own is closed by a drain: seen by both sides, and at the wire."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.core.flags import Flag, FlagState
from gateway.proxy.in_flight import ExchangeWatch
from gateway.state.traffic import Counts
from tests.support.proxy_stage import Stage
from tests.support.wire import RawClient, Wire, head, ok, turns

ASK = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: x")
AGREED = head(b"HTTP/1.1 101 x", b"Connection: Upgrade", b"Upgrade: websocket")
STREAM = b"Content-Type: text/event-stream"
CHUNKED = b"Transfer-Encoding: chunked"
CLOSE = b"\x88\x02\x03\xf4"  # 1012, as the client gets it


@pytest.fixture
async def stage(start: Any) -> Stage:
    made: Stage = await start(Flag("site", FlagState(enabled=False)))
    return made


def drain(stage: Stage) -> ExchangeWatch:
    """The grace is over."""
    rule = stage.live.snapshot.rule("site")
    assert rule is not None
    seen = stage.plane.in_flight.watch(rule, None, stage.live.snapshot.revision + 1)
    seen.close_endless()
    seen.close_endless()  # a drain says so again and again
    return seen


async def tunnel(stage: Stage) -> tuple[RawClient, Wire]:
    client = await stage.client()
    await client.get(b"/ws", *ASK)
    app, _ = await stage.app.serve()
    await app.send(AGREED)
    await client.until(b"\r\n\r\n")
    return client, app


async def answered(stage: Stage, *lines: bytes, version: bytes = b"1.1") -> tuple[RawClient, Wire]:
    client = await stage.client()
    await client.send(head(b"GET / HTTP/" + version, b"Host: a"))
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK", *lines))
    await client.until(b"\r\n\r\n")
    return client, app


def unmasked(frame: bytes) -> bytes:
    assert frame[:2] == b"\x88\x82"
    mask, hidden = frame[2:6], frame[6:]
    return bytes(byte ^ mask[index] for index, byte in enumerate(hidden))


async def test_both_ends_of_a_websocket_are_told_1012(stage: Stage) -> None:
    client, app = await tunnel(stage)
    await app.send(b"\x81\x05hello")
    await client.exactly(7)
    seen = drain(stage)

    assert await client.exactly(4) == CLOSE
    assert unmasked(await app.exactly(8)) == b"\x03\xf4"
    assert seen.counts() == Counts(in_flight=1)  # until the app has ended
    await client.send(b"\x88\x82maskxx")  # its answer, which nobody waits for
    await app.send(b"\x88\x02\x03\xf4")
    app.close()
    await stage.idle()
    assert seen.counts() == Counts(cut=1)
    assert await client.ended() == "closed"
    client.close()
    await stage.until(lambda: not stage.plane.clients, "the client's connection is gone")


async def test_a_frame_under_way_is_let_through_before(stage: Stage) -> None:
    client, app = await tunnel(stage)
    await app.send(b"\x81\x05hel")
    await client.send(b"\x82\x85mask")
    assert await client.exactly(5) == b"\x81\x05hel"
    assert await app.exactly(6) == b"\x82\x85mask"
    drain(stage)
    await turns()
    assert client.silent()
    assert app.silent()

    await app.send(b"lo\x81\x04more")
    assert await client.exactly(6) == b"lo" + CLOSE
    await client.send(b"12345\x82\x80mask")
    assert await app.exactly(5) == b"12345"
    assert unmasked(await app.exactly(8)) == b"\x03\xf4"
    assert await app.ended() == "closed"
    app.close()
    await stage.idle()


async def test_a_side_that_has_said_close_is_told_nothing_more(stage: Stage) -> None:
    client, app = await tunnel(stage)
    await app.send(b"\x88\x02\x03\xe8")
    assert await client.exactly(4) == b"\x88\x02\x03\xe8"
    drain(stage)
    assert unmasked(await app.exactly(8)) == b"\x03\xf4"
    assert await client.ended() == "closed"
    app.close()
    await stage.idle()


async def test_a_frame_that_never_ends_is_cut_after_a_moment(stage: Stage) -> None:
    client, app = await tunnel(stage)
    await app.send(b"\x81\x05hel")
    await client.exactly(5)
    seen = drain(stage)
    await stage.after(1.5)
    assert seen.counts() == Counts(in_flight=1)
    await stage.after(2.1)

    assert seen.counts() == Counts(cut=1)
    assert stage.plane.in_flight.abandoned == 0
    assert await client.ended() == "reset"
    assert await app.drop() in {"closed", "reset"}


async def test_an_app_that_does_not_end_is_cut_after_a_moment(stage: Stage) -> None:
    client, app = await tunnel(stage)
    seen = drain(stage)
    assert await client.exactly(4) == CLOSE
    await stage.after(2.1)
    assert seen.counts() == Counts(cut=1)
    assert len(await app.rest()) == 8


@pytest.mark.parametrize("from_client", [True, False])
async def test_a_websocket_of_which_one_side_does_not_read_is_cut(
    stage: Stage,
    from_client: bool,  # noqa: FBT001 a parameter
) -> None:
    client, app = await tunnel(stage)
    sender: Wire = client if from_client else app
    await sender.stuff()
    seen = drain(stage)
    await stage.after(2.1)
    await stage.until(lambda: not seen.counts().in_flight, "it is cut")
    assert seen.counts() == Counts(cut=1)


async def test_a_half_closed_websocket_is_closed_too(stage: Stage) -> None:
    client, app = await tunnel(stage)
    client.half_close()
    assert await app.ended() == "closed"
    seen = drain(stage)
    assert await client.exactly(4) == CLOSE
    app.close()
    await stage.idle()
    assert seen.counts() == Counts(cut=1)


async def test_a_websocket_whose_app_has_half_closed_is_closed_too(stage: Stage) -> None:
    client, app = await tunnel(stage)
    app.half_close()
    assert await client.ended() == "closed"
    seen = drain(stage)
    assert unmasked(await app.exactly(8)) == b"\x03\xf4"
    await stage.idle()
    assert seen.counts() == Counts(cut=1)


async def test_an_event_stream_is_cut_visibly_and_loses_no_event(stage: Stage) -> None:
    client, app = await answered(stage, STREAM, CHUNKED)
    await app.send(b"5\r\nhello\r\n")
    await client.exactly(10)
    seen = drain(stage)

    assert await client.ended() == "closed"  # without a last chunk
    assert await app.ended() == "closed"
    assert seen.counts() == Counts(in_flight=1)
    await app.send(b"4\r\nmore\r\n")
    app.close()
    await stage.idle()
    assert seen.counts() == Counts(cut=1)
    assert stage.plane.tally.failures == {}


async def test_an_event_stream_whose_app_goes_on_is_cut_after_a_moment(stage: Stage) -> None:
    client, app = await answered(stage, STREAM, CHUNKED)
    seen = drain(stage)
    assert await client.ended() == "closed"
    for _ in range(3):
        await app.send(b"5\r\nhello\r\n")
        await turns()
    await stage.after(2.1)
    assert seen.counts() == Counts(cut=1)
    assert stage.plane.in_flight.abandoned == 0


@pytest.mark.parametrize(
    ("lines", "version"),
    [((), b"1.1"), ((STREAM,), b"1.1"), ((STREAM, CHUNKED), b"1.0")],
)
async def test_an_answer_whose_end_is_the_connections_is_reset(
    stage: Stage, lines: tuple[bytes, ...], version: bytes
) -> None:
    client, app = await answered(stage, *lines, version=version)
    seen = drain(stage)
    assert await client.ended() == "reset"
    app.close()
    await stage.idle()
    assert seen.counts() == Counts(cut=1)


async def test_what_ends_by_itself_is_left_alone(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    seen = drain(stage)
    await stage.after(5)
    await app.send(ok())
    assert (await client.answer()).status == 200
    assert seen.counts() == Counts(finished=1)


async def test_a_client_that_leaves_a_websocket_has_its_apps_end_awaited(stage: Stage) -> None:
    client, app = await tunnel(stage)
    client.reset()
    await stage.until(lambda: not stage.plane.clients, "the client is gone")
    assert len(stage.plane.in_flight) == 1
    await stage.after(2.1)
    await stage.idle()
    assert stage.plane.in_flight.abandoned == 1
    assert await app.ended() == "closed"
