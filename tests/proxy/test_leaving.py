"""Clients that leave: in an upload, before the answer, in the answer; wholly or by half."""

from __future__ import annotations

import pytest

from gateway.proxy.exchange import LEFT_OVER
from tests.support.proxy_stage import Stage
from tests.support.wire import RawClient, head, ok, turns

CHUNKED = b"Transfer-Encoding: chunked"


async def gone(stage: Stage, client: RawClient, *, reset: bool = False) -> None:
    (client.reset if reset else client.close)()
    await stage.until(lambda: not stage.plane.clients, "the client's connection is gone")


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize(
    ("line", "part"),
    [(b"Content-Length: 9", b"hello"), (CHUNKED, b"5\r\nhel"), (CHUNKED, b"5\r\nhello\r\n")],
)
async def test_an_upload_that_its_client_leaves_is_aborted_never_completed(
    stage: Stage,
    line: bytes,
    part: bytes,
    reset: bool,  # noqa: FBT001 a parameter
) -> None:
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", line) + part)
    app = await stage.app.accept()
    await app.until(b"hel")
    (client.reset if reset else client.close)()

    try:
        rest = await app.rest()
    except ConnectionResetError:
        rest = b""
    assert not rest.endswith(b"0\r\n\r\n")
    await stage.idle()
    assert len(stage.plane.pool) == 0


async def test_a_half_closed_upload_is_aborted_too(stage: Stage) -> None:
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 9") + b"hello")
    app = await stage.app.accept()
    await app.until(b"hello")
    client.half_close()

    assert await app.ended() in {"closed", "reset"}
    assert await client.ended() == "closed"


async def test_a_client_that_leaves_before_the_answer_does_not_end_the_apps_work(
    stage: Stage,
) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await gone(stage, client, reset=True)

    assert app.silent()
    assert len(stage.plane.in_flight) == 1
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Length: 10") + b"hello")
    await turns()
    assert len(stage.plane.in_flight) == 1  # until its end
    await app.send(b"world")
    await stage.idle()
    assert len(stage.plane.pool) == 1  # and the connection is as good as new

    other = await stage.client()
    await other.get(b"/next")
    assert (await app.message()).line == b"GET /next HTTP/1.1"
    await app.send(ok(b"next"))
    assert (await other.answer()).body == b"next"


async def test_an_app_that_never_answers_a_client_that_left_is_timed_out(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await gone(stage, client, reset=True)
    await stage.after(60.1)

    assert await app.ended() == "closed"
    await stage.idle()


async def test_a_client_that_leaves_in_the_answer_has_the_rest_read_for_it(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Length: 100000") + bytes(50_000))
    await client.exactly(10_000)
    await gone(stage, client, reset=True)
    assert len(stage.plane.in_flight) == 1
    await app.send(bytes(50_000))

    await stage.idle()
    assert len(stage.plane.pool) == 1


async def test_a_slow_client_that_leaves_lets_the_rest_be_read(stage: Stage) -> None:
    """Reading had been stopped for it, and must go on."""
    client = await stage.client(receive_buffer=4096)
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Length: %d" % (1 << 40)))
    sent = await app.stuff()
    assert sent > LEFT_OVER
    await gone(stage, client, reset=True)

    assert await app.drop() in {"closed", "reset"}  # more than is worth reading
    await stage.idle()


async def test_a_left_answer_without_length_is_given_up(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK") + b"hello")
    await client.until(b"hello")
    await gone(stage, client, reset=True)

    assert await app.ended() == "closed"
    app.close()
    await stage.idle()
    assert stage.plane.in_flight.abandoned == 0


@pytest.mark.parametrize("half", [True, False])
async def test_a_left_event_stream_is_given_up(
    stage: Stage,
    half: bool,  # noqa: FBT001 a parameter
) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Type: text/event-stream", CHUNKED))
    await client.until(b"\r\n\r\n")
    (client.half_close if half else client.close)()

    assert await app.ended() == "closed"
    assert len(stage.plane.in_flight) == 1  # until the app has ended too
    await app.send(b"5\r\nhello\r\n")
    app.close()
    await stage.idle()
    assert stage.plane.in_flight.abandoned == 0


async def test_an_event_stream_that_begins_after_its_client_left_is_given_up(
    stage: Stage,
) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await gone(stage, client, reset=True)
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Type: text/event-stream", CHUNKED))

    assert await app.ended() == "closed"
    app.close()
    await stage.idle()


async def test_a_left_event_stream_that_goes_on_all_the_same_is_abandoned(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Type: text/event-stream", CHUNKED))
    await client.until(b"\r\n\r\n")
    client.close()
    assert await app.ended() == "closed"
    await stage.after(2.1)

    await stage.idle()
    assert stage.plane.in_flight.abandoned == 1


async def test_a_client_that_leaves_before_the_app_accepts_is_served_if_it_had_asked_all(
    stage: Stage,
) -> None:
    """A page's last beacon: sent whole, and gone."""
    client = await stage.client()
    await client.send(head(b"POST /beacon HTTP/1.1", b"Host: a", b"Content-Length: 2") + b"hi")
    client.close()
    app, request = await stage.app.serve()

    assert request.body == b"hi"
    assert request.one(b"X-Forwarded-For") == b"127.0.0.1"
    await app.send(head(b"HTTP/1.1 204 x"))
    await stage.idle()


async def test_a_half_closed_client_gets_its_answer(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    client.half_close()
    app, _ = await stage.app.serve()
    await turns()
    assert app.silent()
    await app.send(ok())

    assert (await client.answer()).body == b"hello"
    assert await client.ended() == "closed"


async def test_a_half_closed_client_gets_an_answer_until_close(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK") + b"hel")
    await client.until(b"hel")
    client.half_close()
    await turns()
    await app.send(b"lo")
    app.close()

    assert await client.rest() == b"lo"


async def test_a_half_closed_client_gets_all_its_answers(stage: Stage) -> None:
    client = await stage.client()
    await client.send(head(b"GET /1 HTTP/1.1", b"Host: a") + head(b"GET /2 HTTP/1.1", b"Host: a"))
    client.half_close()
    app = await stage.app.accept()
    for _ in range(2):
        await app.message()
        await app.send(ok())
        assert (await client.answer()).status == 200
    assert await client.ended() == "closed"


async def test_a_half_closed_client_that_reads_slowly_gets_all(stage: Stage) -> None:
    client = await stage.client(receive_buffer=65_536)
    await client.send(head(b"GET /1 HTTP/1.1", b"Host: a") + head(b"GET /2 HTTP/1.1", b"Host: a"))
    client.half_close()
    app, _ = await stage.app.serve()
    size = left = 8 << 20
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Length: %d" % size))
    await client.until(b"\r\n\r\n")
    received = 0
    while received < size:
        left -= app.try_send(bytes(min(left, 1 << 20))) if left else 0
        received += len(await client.some())
    await app.message()
    await app.send(ok(b"second"))
    assert (await client.answer()).body == b"second"
    assert await client.ended() == "closed"


@pytest.mark.parametrize(
    "part",
    [
        head(b"POST /2 HTTP/1.1", b"Host: a", b"Content-Length: 9") + b"hel",
        head(b"POST /2 HTTP/1.1", b"Host: a", CHUNKED) + b"5\r\nhel",
        b"GET /2 HTTP/1.1\r\nHo",
    ],
)
async def test_an_incomplete_second_request_of_a_half_closed_client_is_not_completed(
    stage: Stage, part: bytes
) -> None:
    client = await stage.client()
    await client.send(head(b"GET /1 HTTP/1.1", b"Host: a") + part)
    client.half_close()
    app, _ = await stage.app.serve()
    await turns()
    await app.send(ok())

    assert (await client.answer()).body == b"hello"
    assert await client.ended() == "closed"
    await stage.idle()
    if b"POST" in part:
        assert await app.drop() in {"closed", "reset"}
        assert len(stage.plane.pool) == 0


async def test_a_client_that_comes_and_goes_leaves_nothing(stage: Stage) -> None:
    for data in (b"", b"GET", b"GET / HTTP/1.1\r\nHost: a\r\n"):
        client = await stage.client()
        await client.send(data)
        await stage.until(lambda: bool(stage.plane.clients), "the connection is there")
        await gone(stage, client, reset=True)
    assert stage.app.untouched()
