"""Bodies of any size pass in bounded memory: a side that does not read stops the other."""

from __future__ import annotations

import asyncio
import socket

from tests.support.proxy_stage import Stage
from tests.support.wire import head, ok, turns

PIECE = bytes(1 << 20)
MOST = 1 << 20  # bytes the gateway may hold for one side: its transport's buffer and one read


def held(stage: Stage) -> int:
    """Bytes that the gateway's transports have taken and not yet handed to the kernel."""
    ends = [*stage.plane.clients, *stage.plane.upstreams]
    return sum(end.transport.get_write_buffer_size() for end in ends)


def small_buffer(transport: asyncio.Transport) -> None:
    """Let the kernel take next to nothing, so that what is written waits with us."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


async def test_64_mib_to_a_slow_client_are_not_buffered(stage: Stage) -> None:
    client = await stage.client(receive_buffer=65_536)
    await client.get()
    app, _ = await stage.app.serve()
    size = 64 << 20
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Length: %d" % size))
    sent = await app.stuff()

    assert held(stage) < MOST
    left = size - sent
    await client.until(b"\r\n\r\n")
    received = 0
    while received < size:
        if left:
            left -= app.try_send(PIECE[:left])
        received += len(await client.some())
        assert held(stage) < MOST
    assert received == size

    await client.get(b"/next")  # and the connections are as good as before
    assert (await app.message()).line == b"GET /next HTTP/1.1"


async def test_an_upload_to_a_slow_app_is_not_buffered(stage: Stage) -> None:
    client = await stage.client()
    size = 48 << 20
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: %d" % size))
    app = await stage.app.accept()
    await app.until(b"\r\n\r\n")
    sent = await client.stuff()

    assert held(stage) < MOST
    left, received = size - sent, 0
    while received < size:
        if left:
            left -= client.try_send(PIECE[:left])
        received += len(await app.some())
        assert held(stage) < MOST
    await app.send(ok(b"done"))
    assert (await client.answer()).body == b"done"


async def test_an_upload_before_the_app_has_accepted_is_not_buffered(stage: Stage) -> None:
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 67108864"))
    await client.send(PIECE[: 1 << 18])
    app = await stage.app.accept()
    await client.stuff()

    assert held(stage) < MOST
    await app.until(b"\r\n\r\n")


async def test_both_directions_stop_at_once_and_go_on_each_on_its_own(stage: Stage) -> None:
    """An app that answers while it reads, a client that uploads while it downloads."""
    client = await stage.client(receive_buffer=65_536)
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 67108864"))
    app = await stage.app.accept()
    await app.until(b"\r\n\r\n")
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Length: 67108864"))
    await client.until(b"\r\n\r\n")
    await client.stuff()
    await app.stuff()
    assert held(stage) < 2 * MOST

    for _ in range(3):  # the client reads all that there is: the upload still waits for the app
        while client.readable():
            await client.some()
            await turns(5)
        await client.stuff()
        await app.stuff()
        assert held(stage) < 2 * MOST

    for _ in range(3):  # and the other way round
        while app.readable():
            await app.some()
            await turns(5)
        await app.stuff()
        await client.stuff()
        assert held(stage) < 2 * MOST


async def test_an_answer_in_one_large_last_piece_leaves_a_usable_connection(
    stage: Stage,
) -> None:
    """The piece that ends an answer may be what fills the client's buffer."""
    slow = await stage.client(receive_buffer=4096)
    await slow.get()
    app, _ = await stage.app.serve()
    (connection,) = stage.plane.clients
    small_buffer(connection.transport)
    await app.send(ok(bytes(100_000)))
    await stage.until(lambda: len(stage.plane.pool) == 1, "the app's connection is kept")
    assert connection.transport.get_write_buffer_size() > 1 << 16  # and the client is behind

    other = await stage.client()
    await other.get(b"/other")
    assert (await app.message()).line == b"GET /other HTTP/1.1"
    await app.send(ok(b"other"))
    assert (await other.answer()).body == b"other"
    assert len((await slow.answer()).body) == 100_000


async def test_chunks_and_events_are_handed_on_at_once(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(
        head(
            b"HTTP/1.1 200 OK",
            b"Content-Type: text/event-stream",
            b"Transfer-Encoding: chunked",
        )
    )
    await client.until(b"\r\n\r\n")
    for _ in range(3):
        await app.send(b"9\r\ndata: x\n\n\r\n")
        assert await client.exactly(14) == b"9\r\ndata: x\n\n\r\n"


async def test_an_upload_is_handed_on_piece_by_piece(stage: Stage) -> None:
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked"))
    app = await stage.app.accept()
    await app.until(b"\r\n\r\n")
    for _ in range(3):
        await client.send(b"2\r\nhi\r\n")
        assert await app.exactly(7) == b"2\r\nhi\r\n"
    await client.send(b"0\r\n\r\n")
    assert await app.exactly(5) == b"0\r\n\r\n"


async def test_an_early_answer_is_relayed_while_the_client_still_uploads(stage: Stage) -> None:
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 5000000"))
    await client.send(PIECE[:100_000])
    app = await stage.app.accept()
    await app.until(b"\r\n\r\n")
    await app.send(head(b"HTTP/1.1 403 x", b"Content-Length: 3") + b"no!")
    answer = await client.answer()
    assert (answer.status, answer.body, answer.one(b"Connection")) == (403, b"no!", b"close")

    for _ in range(10):  # the rest of the upload does not make a reset that eats the answer
        client.try_send(PIECE[:100_000])
        await turns(2)
    assert await client.ended() == "closed"
    assert (await app.drop()) in {"closed", "reset"}


async def test_an_early_answer_can_end_after_the_upload(stage: Stage) -> None:
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 6") + b"hel")
    app = await stage.app.accept()
    await app.until(b"hel")
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Length: 4") + b"do")
    assert (await client.until(b"do")).endswith(b"do")
    await client.send(b"lo!")
    assert await app.exactly(3) == b"lo!"
    await app.send(b"ne")

    assert await client.exactly(2) == b"ne"
    assert await client.ended() == "closed"
