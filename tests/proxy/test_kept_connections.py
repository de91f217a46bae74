"""Kept connections to the app: never poisoned, used again where that is safe, let go in time."""

from __future__ import annotations

import pytest

from gateway.proxy.upstream.pool import FRESH
from tests.support.proxy_stage import Stage
from tests.support.wire import RawClient, Wire, head, ok, turns

CHUNKED = b"Transfer-Encoding: chunked"


async def exchange(stage: Stage) -> tuple[RawClient, Wire]:
    """One exchange, after which both connections are kept."""
    client = await stage.client()
    await client.get(b"/first")
    app, _ = await stage.app.serve()
    await app.send(ok())
    assert (await client.answer()).body == b"hello"
    return client, app


def age_pool(stage: Stage) -> None:
    """Make the kept connections older than may be trusted with a request sent only once."""
    for upstream in stage.plane.upstreams:
        upstream.idle_since -= FRESH + 1


# Nothing of one answer reaches another visitor


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        (b"GET", ok() + ok(b"evil")),
        (b"GET", ok() + b"x"),
        (b"GET", head(b"HTTP/1.1 204 x") + b"evil"),
        (b"GET", head(b"HTTP/1.1 304 x", b"Content-Length: 4") + b"evil"),
        (b"HEAD", ok(b"evil")),
        (b"GET", head(b"HTTP/1.1 200 OK", CHUNKED) + b"0\r\n\r\nx"),
        (b"GET", head(b"HTTP/1.1 200 OK", b"Content-Length: 0") + b"\r\n"),
    ],
)
async def test_a_connection_with_bytes_after_the_answer_is_dropped(
    stage: Stage, method: bytes, answer: bytes
) -> None:
    client = await stage.client()
    await client.ask(method + b" / HTTP/1.1\r\nHost: a")
    app, _ = await stage.app.serve()
    await app.send(answer)
    told = await client.until(b"\r\n\r\n")
    assert b"evil" not in told
    assert await app.drop() in {"closed", "reset"}

    other = await stage.client()
    await other.get()
    second = await stage.app.accept()
    await second.message()
    await second.send(ok(b"good"))
    assert (await other.answer()).body == b"good"


@pytest.mark.parametrize("loop_turns", [0, 20])
async def test_bytes_on_an_idle_connection_drop_it(stage: Stage, loop_turns: int) -> None:
    """Seen by the loop before the next request, or only by asking the kernel."""
    _, app = await exchange(stage)
    other = await stage.client()
    await turns()
    poison = app.try_send(ok(b"evil"))
    assert poison
    sent = other.try_send(head(b"GET /next HTTP/1.1", b"Host: a"))
    assert sent
    await turns(loop_turns)
    second, request = await stage.app.serve()
    await second.send(ok(b"good"))

    assert request.line == b"GET /next HTTP/1.1"
    assert (await other.answer()).body == b"good"
    assert await app.drop() in {"closed", "reset"}


async def test_the_kernel_is_asked_before_a_kept_connection_is_used(stage: Stage) -> None:
    _, app = await exchange(stage)
    await turns()
    (upstream,) = stage.plane.upstreams
    assert upstream.quiet()
    app.try_send(b"x")
    assert not upstream.quiet()  # in the same turn of the loop: nothing has been read yet


async def test_an_answer_before_the_request_is_never_taken_for_one(stage: Stage) -> None:
    """An app that greets: its bytes come while the connection is made."""
    client = await stage.client()
    await client.get()
    app = await stage.app.accept()
    app.try_send(ok(b"evil"))
    answer = await client.answer()

    assert (answer.status, answer.body) in {(502, answer.body), (200, b"evil")}
    assert len(stage.plane.pool) <= 1


# Once more, on a new connection


async def test_a_request_is_sent_again_when_the_kept_connection_had_ended(stage: Stage) -> None:
    client, app = await exchange(stage)
    (upstream,) = stage.plane.upstreams
    await client.get(b"/again")
    await app.message()
    app.close()  # before a byte of answer
    second, request = await stage.app.serve()
    await second.send(ok(b"again"))

    assert request.line == b"GET /again HTTP/1.1"
    assert request.one(b"X-Forwarded-For") == b"127.0.0.1"
    assert (await client.answer()).body == b"again"
    assert stage.tally.retried == 1
    assert upstream not in stage.plane.upstreams


async def test_a_request_is_sent_again_but_once(stage: Stage) -> None:
    client, app = await exchange(stage)
    await client.get(b"/again")
    await app.message()
    app.close()
    second, _ = await stage.app.serve()
    second.close()

    assert (await client.answer()).status == 502
    assert stage.app.untouched()


@pytest.mark.parametrize("part", [b"H", b"HTTP/1.1 100 x\r\n\r\n", b"HTTP/1.1 200 OK\r\n"])
async def test_nothing_is_sent_again_after_a_byte_of_answer(stage: Stage, part: bytes) -> None:
    client, app = await exchange(stage)
    await client.get(b"/again")
    await app.message()
    await app.send(part)
    await turns()
    app.close()
    while (answer := await client.answer()).status == 100:
        pass

    assert answer.status == 502
    assert stage.app.untouched()


async def test_nothing_is_sent_again_that_went_out_on_a_new_connection(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    app.close()

    assert (await client.answer()).status == 502
    assert stage.app.untouched()


@pytest.mark.parametrize(
    "request_head",
    [
        head(b"POST / HTTP/1.1", b"Host: a"),
        head(b"PATCH / HTTP/1.1", b"Host: a", b"Content-Length: 0"),
        head(b"PUT / HTTP/1.1", b"Host: a", b"Content-Length: 5") + b"hello",
    ],
)
async def test_what_may_not_be_repeated_is_sent_once(stage: Stage, request_head: bytes) -> None:
    client, app = await exchange(stage)
    await client.send(request_head)
    await app.message()
    app.close()

    assert (await client.answer()).status == 502
    assert stage.app.untouched()


async def test_what_may_not_be_repeated_goes_on_a_new_connection_after_a_pause(
    stage: Stage,
) -> None:
    client, app = await exchange(stage)
    age_pool(stage)
    await client.send(head(b"POST / HTTP/1.1", b"Host: a"))
    second, _ = await stage.app.serve()
    await second.send(ok(b"new"))

    assert (await client.answer()).body == b"new"
    assert app.silent()


async def test_an_end_that_is_there_already_costs_a_post_nothing(stage: Stage) -> None:
    """The app closes, and the next request comes, in the same turn of the loop."""
    client, app = await exchange(stage)
    await turns()
    app.half_close()
    client.try_send(head(b"POST / HTTP/1.1", b"Host: a"))
    second, request = await stage.app.serve()
    await second.send(ok(b"new"))

    assert request.line == b"POST / HTTP/1.1"
    assert (await client.answer()).body == b"new"


# Keeping connections


async def test_a_kept_connection_is_let_go_after_the_idle_time(stage: Stage) -> None:
    _, app = await exchange(stage)
    await stage.after(74)
    assert app.silent()
    await stage.after(75.1)

    assert await app.ended() == "closed"


async def test_an_app_that_says_close_is_not_asked_again(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(ok(b"hello", b"Connection: close"))

    assert (await client.answer()).one(b"Connection") is None
    assert await app.ended() == "closed"
    await client.get()
    await stage.app.serve()


async def test_an_old_app_is_asked_again_only_if_it_says_so(stage: Stage) -> None:
    client = await stage.client()
    for connection, ends in ((b"keep-alive", False), (b"x", True)):
        await client.get()
        app = stage.app.accepted[0] if stage.app.accepted else await stage.app.accept()
        await app.message()
        await app.send(head(b"HTTP/1.0 200 OK", b"Content-Length: 0", b"Connection: " + connection))
        await client.answer()
        if ends:
            assert await app.ended() == "closed"
        else:
            assert app.silent()


async def test_an_answer_to_half_an_upload_ends_the_apps_connection(stage: Stage) -> None:
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 9") + b"hello")
    app = await stage.app.accept()
    await app.until(b"hello")
    await app.send(ok())
    await client.answer()

    assert await app.drop() in {"closed", "reset"}
    assert len(stage.plane.pool) == 0
