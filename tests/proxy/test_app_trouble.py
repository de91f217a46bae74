"""An app that is away, slow, wrong or gone: the client is told, or sees it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from gateway.config.settings import Address
from gateway.proxy.upstream.pool import FRESH
from tests.support.proxy_stage import Stage
from tests.support.wire import RawApp, head, ok, turns

CHUNKED = b"Transfer-Encoding: chunked"


# The app is away


async def test_an_app_that_is_away_is_502_and_the_connection_kept(start: Any) -> None:
    app = RawApp()
    stage = await start(app=app)
    app.stop_listening()
    client = await stage.client()
    for _ in range(2):
        await client.get()
        answer = await client.answer()
        assert answer.status == 502
        assert answer.one(b"Connection") is None
        assert answer.one(b"Cache-Control") == b"no-store"
    assert stage.tally.failures == {502: 2}


async def test_an_upload_to_an_app_that_is_away_is_502_and_can_be_read(start: Any) -> None:
    app = RawApp()
    stage = await start(app=app)
    app.stop_listening()
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 50000000"))
    for _ in range(20):
        client.try_send(bytes(100_000))
        await turns(2)
    answer = await client.answer()

    assert (answer.status, answer.one(b"Connection")) == (502, b"close")
    assert await client.ended() == "closed"


@pytest.mark.parametrize("path", ["/nowhere/app.sock", "/dev/null"])
async def test_a_unix_socket_that_is_not_there_is_502(start: Any, path: str) -> None:
    stage = await start(upstream=Address(path=path))
    client = await stage.client()
    await client.get()

    assert (await client.answer()).status == 502


async def test_a_name_that_cannot_be_is_502(start: Any) -> None:
    stage = await start(upstream=Address("a" * 64 + ".invalid", 80))
    client = await stage.client()
    await client.get()

    assert (await client.answer()).status == 502


async def test_an_error_of_our_own_is_502_logged_and_hangs_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(stage.plane.connector, "_open", broken)
    client = await stage.client()
    await client.get()
    answer = await client.answer()

    assert answer.status == 502
    assert b"Traceback" not in answer.body
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]
    caplog.clear()


async def test_an_app_that_accepts_and_closes_is_502(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    (await stage.app.accept()).reset()

    assert (await client.answer()).status == 502


# The app is slow


async def test_an_app_that_does_not_answer_in_time_is_504(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await stage.after(59)
    assert client.silent()
    await stage.after(60.1)

    assert (await client.answer()).status == 504
    assert await app.ended() == "closed"
    assert stage.tally.failures == {504: 1}


async def test_an_app_that_stops_in_its_answer_is_cut_visibly(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(ok()[:-1])
    await client.until(b"hell")
    await stage.after(59)
    assert client.silent()
    await stage.after(60.1)

    assert await client.ended() == "reset"


async def test_an_app_that_does_not_read_an_upload_is_504(stage: Stage) -> None:
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 500000000"))
    app = await stage.app.accept()
    await client.stuff()
    await stage.after(59)
    assert client.silent()
    await stage.after(60.1)

    assert (await client.answer()).status == 504
    assert await app.drop() in {"closed", "reset"}


async def test_an_app_that_reads_an_upload_slowly_is_given_time(start: Any) -> None:
    stage = await start()
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 500000000"))
    await stage.app.accept()
    await client.stuff()
    (upstream,) = stage.plane.upstreams
    upstream._unread += 1  # as if it had read a byte since it was last looked at
    await stage.after(60.1)
    assert client.silent()
    await stage.after(60.1)  # and not a byte since

    assert (await client.answer()).status == 504


async def test_an_event_stream_is_not_timed_out_even_for_a_slow_client(stage: Stage) -> None:
    client = await stage.client(receive_buffer=4096)
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Type: text/event-stream"))
    await client.until(b"\r\n\r\n")
    await stage.after(1000)
    sent = await app.stuff()
    await client.exactly(sent)  # the client had been slow, and has caught up
    await turns()
    await stage.after(1000)
    await app.send(b"data: x\n\n")

    assert await client.exactly(9) == b"data: x\n\n"


async def test_a_stalled_upload_is_the_clients_fault_not_the_apps(stage: Stage) -> None:
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 5") + b"he")
    app = await stage.app.accept()
    await app.until(b"he")
    await stage.after(29)
    assert client.silent()
    await stage.after(30.1)

    assert (await client.answer()).status == 408
    assert await app.ended() in {"closed", "reset"}


# The app's answer makes no sense


@pytest.mark.parametrize(
    "answer",
    [
        b"garbage\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x0a\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n" + CHUNKED + b"\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n" + CHUNKED + b"\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: \0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000,
        b"\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
)
async def test_an_answer_that_makes_no_sense_is_502_and_the_client_kept(
    stage: Stage, answer: bytes
) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(answer)
    told = await client.answer()

    assert (told.status, told.one(b"Connection")) == (502, None)
    assert b"garbage" not in told.body
    assert await app.drop() in {"closed", "reset"}

    await client.get(b"/next")
    second, request = await stage.app.serve()
    assert request.line == b"GET /next HTTP/1.1"
    await second.send(ok())
    assert (await client.answer()).status == 200


@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"HTTP/1.1 200 O",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-",
    ],
)
async def test_an_end_before_the_answer_is_502(stage: Stage, part: bytes) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(part)
    app.close()
    while (answer := await client.answer()).status == 100:
        pass

    assert answer.status == 502


# Truncated answers


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        ([b"Content-Length: 9"], b"hello"),
        ([CHUNKED], b"5\r\nhello\r\n"),
        ([CHUNKED], b"5\r\nhel"),
        ([CHUNKED], b"5\r\nhello\r\n0\r\n"),
    ],
)
async def test_a_truncated_answer_is_seen_as_such(
    stage: Stage, lines: list[bytes], body: bytes
) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK", *lines))
    await client.until(b"\r\n\r\n")
    await app.send(body)
    await turns()
    app.close()

    assert await client.drop() == "reset"


async def test_an_answer_until_close_that_is_reset_is_seen_as_truncated(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK") + b"hello")
    await client.until(b"hello")
    app.reset()

    assert await client.ended() == "reset"


async def test_broken_chunks_cut_the_answer_and_add_nothing_to_it(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK", CHUNKED) + b"5\r\nhello\r\n")
    assert (await client.until(b"hello\r\n")).endswith(b"\r\n5\r\nhello\r\n")
    await app.send(b"xyz\r\n")

    assert await client.ended() == "reset"


async def test_a_truncated_chunked_answer_is_seen_by_an_old_client_too(stage: Stage) -> None:
    client = await stage.client()
    await client.send(head(b"GET / HTTP/1.0"))
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK", CHUNKED) + b"5\r\nhello\r\n")
    await client.until(b"hello")
    app.close()

    assert await client.ended() == "reset"


# The clock is set


@pytest.mark.parametrize("days", [1, -1], ids=["forward", "back"])
async def test_a_wall_clock_that_is_set_times_nobody_out(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    before = stage.plane.date_line
    kept, client = await stage.client(), await stage.client()
    await kept.get()
    app, _ = await stage.app.serve()
    await app.send(ok())
    assert (await kept.answer()).body == b"hello"
    for upstream in stage.plane.upstreams:
        upstream.idle_since -= FRESH + 1  # so that a POST goes out on a new one
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 2") + b"h")
    uploading = await stage.app.accept()
    await uploading.until(b"\r\n\r\nh")
    now = time.time() + days * 86_400
    monkeypatch.setattr(time, "time", lambda: now)
    stage.plane._tick()
    await stage.after(1)
    assert kept.silent()
    assert client.silent()
    await client.send(b"i")
    await uploading.until(b"i")
    await uploading.send(ok(b"done"))
    assert (await client.answer()).body == b"done"
    assert len(stage.plane.pool) == 2
    assert stage.plane.date_line != before
