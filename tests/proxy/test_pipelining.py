"""Several requests ahead: each decided on its own, answered in order, in bounded memory."""

from __future__ import annotations

from typing import Any

from gateway.core.flags import Flag, FlagState, Scope
from gateway.core.paths import compile_path
from gateway.proxy.client.line import AHEAD
from tests.support.proxy_stage import Stage
from tests.support.wire import head, ok, turns

SEARCH = Flag("search", FlagState(enabled=True), scope=Scope(paths=(compile_path("/search"),)))


def get(target: bytes) -> bytes:
    return head(b"GET " + target + b" HTTP/1.1", b"Host: a")


async def test_requests_in_one_segment_are_answered_in_order(stage: Stage) -> None:
    client = await stage.client()
    await client.send(get(b"/1") + get(b"/2") + get(b"/3"))
    app = await stage.app.accept()

    for target in (b"/1", b"/2", b"/3"):
        assert (await app.message()).line == b"GET " + target + b" HTTP/1.1"
        assert app.silent()  # the next one waits for this one's answer
        await app.send(ok(target))
        assert (await client.answer()).body == target


async def test_a_body_and_the_next_request_in_one_segment(stage: Stage) -> None:
    client = await stage.client()
    first = head(b"POST /1 HTTP/1.1", b"Host: a", b"Content-Length: 5") + b"hello"
    second = head(b"POST /2 HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked")
    await client.send(first + second + b"2\r\nhi\r\n0\r\n\r\n" + get(b"/3"))
    app = await stage.app.accept()

    for body in (b"hello", b"2\r\nhi\r\n0\r\n\r\n", b""):
        assert (await app.message()).body == body
        await app.send(ok())
        assert (await client.answer()).status == 200


async def test_refused_and_forwarded_ones_mix_in_order(start: Any) -> None:
    stage = await start(SEARCH)
    client = await stage.client()
    await client.send(get(b"/search") + get(b"/a") + get(b"/search/x") + get(b"/b") + get(b"/c"))
    app = await stage.app.accept()

    for target in (b"/a", b"/b"):
        assert (await client.answer()).status == 503
        assert (await app.message()).line == b"GET " + target + b" HTTP/1.1"
        await app.send(ok(target))
        assert (await client.answer()).body == target
    assert (await app.message()).line == b"GET /c HTTP/1.1"


async def test_thousands_of_refusals_in_a_row(start: Any) -> None:
    stage = await start(SEARCH)
    client = await stage.client()
    one = get(b"/search")
    for _ in range(10):
        await client.send(one * 500)
        for _ in range(500):
            assert (await client.answer()).status == 503
    assert stage.tally.refused == {"search": 5000}


async def test_thousands_of_refusals_that_nobody_reads_do_not_pile_up(start: Any) -> None:
    stage = await start(SEARCH)
    client = await stage.client(receive_buffer=4096)
    sent = 0
    while sent < 64_000_000 and (more := client.try_send(get(b"/search") * 1000)):
        sent += more
        await turns(20)
    (connection,) = stage.plane.clients

    assert sent < 64_000_000  # the gateway has stopped reading
    assert not connection.transport.is_reading()
    assert len(connection._buffer) < AHEAD + 300_000
    assert connection.transport.get_write_buffer_size() < 300_000


async def test_one_bad_request_does_not_lose_the_good_ones_before_it(stage: Stage) -> None:
    client = await stage.client()
    await client.send(get(b"/1") + b"BAD\x00 / HTTP/1.1\r\n\r\n" + get(b"/2"))
    app, _ = await stage.app.serve()
    await app.send(ok(b"first"))

    assert (await client.answer()).body == b"first"
    bad = await client.answer()
    assert (bad.status, bad.one(b"Connection")) == (400, b"close")
    assert await client.ended() == "closed"
    assert app.silent()


async def test_what_follows_a_request_that_says_close_is_no_request(stage: Stage) -> None:
    client = await stage.client()
    await client.send(head(b"GET /1 HTTP/1.1", b"Host: a", b"Connection: close") + get(b"/2"))
    app, first = await stage.app.serve()
    await app.send(ok(b"first"))

    assert first.line == b"GET /1 HTTP/1.1"
    assert (await client.answer()).body == b"first"
    assert await client.ended() == "closed"
    assert app.silent()
    assert stage.app.untouched()


async def test_an_error_after_a_head_request_has_its_body(stage: Stage) -> None:
    client = await stage.client()
    await client.send(head(b"HEAD / HTTP/1.1", b"Host: a"))
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Length: 9"))
    await client.answer(bodyless=True)
    await client.send(b"\x00")
    answer = await client.answer()

    assert answer.status == 400
    assert answer.body


async def test_what_is_sent_far_ahead_waits_in_the_kernel(stage: Stage) -> None:
    client = await stage.client()
    await client.get(b"/slow")
    app, _ = await stage.app.serve()
    sent = 0
    while more := client.try_send(get(b"/next") * 1000):
        sent += more
        await turns(5)
    (connection,) = stage.plane.clients

    assert len(connection._buffer) < AHEAD + 300_000
    assert not connection.transport.is_reading()

    # an answer that the client reads bit by bit does not let in more
    held = len(connection._buffer)
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Length: 20000000"))
    await client.until(b"\r\n\r\n")
    for _ in range(4):
        await app.send(bytes(4_000_000))
        await client.exactly(4_000_000)
        assert len(connection._buffer) == held
    await app.send(bytes(4_000_000))
    await client.exactly(4_000_000)
    assert (await app.message()).line == b"GET /next HTTP/1.1"


async def test_a_request_is_served_though_cut_at_every_byte(stage: Stage) -> None:
    whole = head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 2") + b"hi" + get(b"/2")
    client = await stage.client()
    for i in range(len(whole)):
        await client.send(whole[i : i + 1])
        await turns(3)
    app, first = await stage.app.serve()
    await app.send(ok(b"1"))
    assert (await client.answer()).body == b"1"
    assert first.body == b"hi"
    assert (await app.message()).line == b"GET /2 HTTP/1.1"
