"""What is too much, too slow or too late, and what the client is told of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.config.settings import Limits, Timeouts
from gateway.core.flags import Flag, FlagState
from tests.support.proxy_stage import Stage
from tests.support.wire import head, ok, turns, within

SITE = Flag("site", FlagState(enabled=True))
WEBSOCKET = (b"Connection: Upgrade", b"Upgrade: websocket")

# Heads and bodies


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /" + b"a" * 40_000, 414),
        (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (head(b"GET / HTTP/1.1", b"Host: a", b"X: " + b"a" * 40_000), 431),
        (head(b"GET / HTTP/1.1", b"Host: a", *[b"X: y"] * 200), 431),
        (head(b"GET / HTTP/2.0", b"Host: a"), 505),
        (head(b"BREW / HTTP/1.1", b"Host: a"), 501),
        (head(b"CONNECT a:1 HTTP/1.1", b"Host: a"), 405),
        (head(b"POST / HTTP/1.1", b"Host: a", b"Expect: more"), 417),
        (head(b"GET / HTTP/1.1"), 400),
    ],
)
async def test_what_cannot_be_served_is_told_its_status_and_closed(
    stage: Stage, data: bytes, status: int
) -> None:
    client = await stage.client()
    await client.send(data)
    answer = await client.answer()

    assert (answer.status, answer.one(b"Connection")) == (status, b"close")
    assert answer.one(b"X-Maintenance") is None
    assert await client.ended() == "closed"
    assert stage.app.untouched()
    assert stage.tally.own == {status: 1}


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        ([b"Content-Length: 11"], b""),
        ([b"Content-Length: 11"], b"hello world"),
        ([b"Transfer-Encoding: chunked"], b"b\r\nhello world\r\n0\r\n\r\n"),
        ([b"Content-Length: 11", b"Expect: 100-continue"], b""),
    ],
)
async def test_a_body_over_the_limit_is_413(start: Any, lines: list[bytes], body: bytes) -> None:
    stage = await start(limits=Limits(body_bytes=10))
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", *lines) + body)

    assert (await client.answer()).status == 413
    assert await client.ended() == "closed"
    assert stage.app.untouched()


async def test_a_body_of_the_limit_is_taken(start: Any) -> None:
    stage = await start(limits=Limits(body_bytes=10))
    client = await stage.client()
    for lines, body in (
        ([b"Content-Length: 10"], b"helloworld"),
        ([b"Transfer-Encoding: chunked"], b"a\r\nhelloworld\r\n0\r\n\r\n"),
    ):
        await client.send(head(b"POST / HTTP/1.1", b"Host: a", *lines) + body)
        app = stage.app.accepted[0] if stage.app.accepted else await stage.app.accept()
        assert (await app.message()).body == body
        await app.send(ok())
        assert (await client.answer()).status == 200


async def test_chunks_that_pass_the_limit_on_the_way_end_the_exchange(start: Any) -> None:
    stage = await start(limits=Limits(body_bytes=10))
    client = await stage.client()
    await client.send(
        head(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n"
    )
    app = await stage.app.accept()
    await app.until(b"hello\r\n")
    await client.send(b"6\r\nworld!\r\n0\r\n\r\n")

    assert (await client.answer()).status == 413
    assert await app.ended() in {"closed", "reset"}  # and no last chunk


async def test_broken_chunks_on_the_way_are_400_and_end_the_exchange(stage: Stage) -> None:
    client = await stage.client()
    await client.send(
        head(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n"
    )
    app = await stage.app.accept()
    await app.until(b"hello\r\n")
    await client.send(b"xyz\r\n")

    assert (await client.answer()).status == 400
    assert await app.ended() in {"closed", "reset"}
    await stage.idle()


async def test_broken_chunks_in_an_early_answer_cut_it(stage: Stage) -> None:
    client = await stage.client()
    await client.send(
        head(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked") + b"5\r\nhello\r\n"
    )
    app = await stage.app.accept()
    await app.until(b"hello\r\n")
    await app.send(ok()[:-1])
    await client.until(b"hell")
    await client.send(b"xyz\r\n")

    assert await client.ended() == "reset"


# Times


async def test_a_head_must_come_in_its_time(stage: Stage) -> None:
    client = await stage.client()
    await client.send(b"GET / HT")
    await stage.after(9.9)
    assert client.silent()
    await stage.after(10.1)

    answer = await client.answer()
    assert (answer.status, answer.one(b"Connection")) == (408, b"close")
    assert await client.ended() == "closed"


async def test_a_trickle_does_not_move_the_heads_deadline(stage: Stage) -> None:
    client = await stage.client()
    await client.send(b"GET / HTTP/1.1\r\n")
    await turns()
    (connection,) = stage.plane.clients
    deadline = connection.deadline
    for _ in range(20):
        await client.send(b"X")
        await turns(3)

    assert connection.deadline == deadline


async def test_empty_lines_do_not_keep_a_connection_open(stage: Stage) -> None:
    client = await stage.client()
    await turns()
    (connection,) = stage.plane.clients
    deadline = connection.deadline
    await client.send(b"\r\n")
    await turns()
    assert connection.deadline == deadline
    await client.send(b"\r\n")

    assert (await client.answer()).status == 400


async def test_a_kept_connection_is_closed_without_a_word_when_idle(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(ok())
    await client.answer()
    await stage.after(74)
    assert client.silent()
    await stage.after(75.1)

    assert await client.ended() == "closed"


async def test_a_waiting_client_is_not_timed_out(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    for connection in stage.plane.clients:
        assert connection.deadline == float("inf")
    await app.send(ok())
    assert (await client.answer()).status == 200


async def test_times_are_those_of_the_settings(start: Any) -> None:
    stage = await start(timeouts=Timeouts(header=3, idle=5, response=7))
    client, slow = await stage.client(), await stage.client()
    await slow.get()
    app, _ = await stage.app.serve()
    await client.send(b"G")
    await stage.after(3.1)
    assert (await client.answer()).status == 408
    assert slow.silent()
    await stage.after(7.1)
    assert (await slow.answer()).status == 504
    assert await app.ended() == "closed"


async def test_a_connection_that_takes_too_long_is_504(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = await start(timeouts=Timeouts(connect=0.01))

    async def never() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(stage.plane.connector, "_open", never)
    client = await stage.client()
    await client.get()

    assert (await client.answer()).status == 504


async def test_a_client_that_never_reads_its_answer_is_let_go(stage: Stage) -> None:
    client = await stage.client(receive_buffer=4096)
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Length: 500000000"))
    await app.stuff()
    await stage.after(74)
    assert stage.plane.clients
    await stage.after(75.1)

    assert not stage.plane.clients
    assert await app.drop() in {"closed", "reset"}
    await stage.idle()


async def test_a_client_that_reads_slowly_is_given_time(stage: Stage) -> None:
    client = await stage.client(receive_buffer=4096)
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Length: 500000000"))
    await app.stuff()
    (connection,) = stage.plane.clients
    connection._unsent += 1  # as if it had read a byte since it was last looked at
    await stage.after(75.1)
    assert stage.plane.clients
    await stage.after(75.1)  # and not a byte since
    assert not stage.plane.clients


async def test_a_client_that_never_reads_a_refusal_is_let_go(start: Any) -> None:
    stage = await start(SITE)
    client = await stage.client(receive_buffer=4096)
    await client.send(head(b"GET / HTTP/1.1", b"Host: a") * 1000)
    for _ in range(100):
        client.try_send(head(b"GET / HTTP/1.1", b"Host: a") * 1000)
        await turns(5)
    await stage.after(75.1)
    assert not stage.plane.clients


async def test_a_last_answer_that_nobody_reads_is_not_kept_for_ever(stage: Stage) -> None:
    client = await stage.client(receive_buffer=4096)
    await client.get(b"/", b"Connection: close")
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Length: 8000000"))
    size = 8_000_000
    while size and (sent := app.try_send(bytes(size))):
        size -= sent
        await turns(5)
    await stage.after(75.1)
    assert not stage.plane.clients


# Connections


async def test_one_connection_too_many_is_told_so(start: Any) -> None:
    stage = await start(limits=Limits(connections=2))
    first, second = await stage.client(), await stage.client()
    await stage.until(lambda: len(stage.plane.clients) == 2, "two connections are there")
    third = await stage.client()
    await third.get()
    answer = await third.answer()
    assert (answer.status, answer.one(b"Connection")) == (503, b"close")
    assert answer.one(b"X-Maintenance") is None
    assert await third.ended() == "closed"
    third.close()

    first.close()
    await stage.until(lambda: len(stage.plane.clients) == 1, "there is room")
    fourth = await stage.client()
    for client in (second, fourth):
        await client.get()
        app, _ = await stage.app.serve()
        await app.send(ok(b"", b"Connection: close"))
        assert (await client.answer()).status == 200


# Stopping


async def end(stage: Stage, seconds: float) -> None:
    await stage.plane.finish(seconds)
    stage.plane.stop()


async def stopping(stage: Stage, seconds: float = 30.0) -> asyncio.Task[None]:
    stage.plane.start()
    stage.listener.stop()
    task = asyncio.create_task(end(stage, seconds))
    await turns()
    return task


async def test_a_stop_closes_the_idle_and_finishes_what_is_under_way(stage: Stage) -> None:
    idle, begun, busy = [await stage.client() for _ in range(3)]
    await begun.send(b"GET / HT")
    await busy.get()
    app, _ = await stage.app.serve()
    stop = await stopping(stage)

    assert await idle.ended() == "closed"
    assert await begun.ended() == "closed"
    assert not stop.done()
    await app.send(ok())
    answer = await busy.answer()
    assert (answer.status, answer.one(b"Connection")) == (200, b"close")
    assert await busy.ended() == "closed"
    await within(stop, "the stop")
    assert await app.ended() == "closed"


async def test_a_stop_answers_the_first_request_of_a_connection_that_was_just_made(
    stage: Stage,
) -> None:
    client = await stage.client()
    await stage.until(lambda: len(stage.plane.clients) == 1, "the connection is there")
    stop = await stopping(stage)
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(ok())

    answer = await client.answer()
    assert (answer.status, answer.one(b"Connection")) == (200, b"close")
    await within(stop, "the stop")


async def test_a_stop_in_mid_answer_lets_the_answer_end(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(ok()[:-1])
    await client.until(b"hell")
    stop = await stopping(stage)
    await client.send(head(b"GET /next HTTP/1.1", b"Host: a"))
    await turns()
    await app.send(b"o")

    assert await client.exactly(1) == b"o"
    assert await client.ended() == "closed"
    client.close()
    await within(stop, "the stop")
    assert stage.app.untouched()


async def test_a_stop_waits_for_a_refused_upload_no_longer_than_it_lasts(start: Any) -> None:
    stage = await start(SITE)
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 5") + b"he")
    assert (await client.answer()).status == 503
    stop = await stopping(stage)
    await client.send(b"llo")

    assert await client.ended() == "closed"
    await within(stop, "the stop")


async def test_a_stop_leaves_tunnels_until_its_time_is_up(stage: Stage) -> None:
    client = await stage.client()
    await client.get(b"/", *WEBSOCKET)
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 101 x", *WEBSOCKET))
    await client.until(b"\r\n\r\n")
    stop = await stopping(stage, 0.3)
    await client.send(b"still")
    assert await app.exactly(5) == b"still"
    await app.send(b"here")
    assert await client.exactly(4) == b"here"
    await within(stop, "the stop")

    assert await app.drop() in {"closed", "reset"}
    assert await client.drop() in {"closed", "reset"}


async def test_a_stop_cuts_what_does_not_end_in_time(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    stop = await stopping(stage, 0.01)
    await within(stop, "the stop")

    assert await client.drop() in {"closed", "reset"}
    assert await app.drop() in {"closed", "reset"}


async def test_a_client_accepted_as_the_stop_begins_gets_one_answer(stage: Stage) -> None:
    stage.plane.leaving = True
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(ok())

    assert (await client.answer()).one(b"Connection") == b"close"
    assert await client.ended() == "closed"
