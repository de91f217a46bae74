"""The app's connection ends at any byte of its answer: told or seen, and nothing is left over."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.open_files import open_files
from tests.support.proxy_stage import Stage
from tests.support.wire import RawClient, Wire, head, ok, turns

SIZED = ok(b"hello world", b"X-Of: app")
CHUNKED = (
    head(b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked")
    + b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n"
)
UNTIL_CLOSE = head(b"HTTP/1.1 200 OK", b"X-Of: app") + b"hello world"
INFORMED = head(b"HTTP/1.1 103 Early Hints", b"Link: </a>") + SIZED


def end(app: Wire, how: str) -> None:
    (app.reset if how == "reset" else app.close)()


async def all_is_let_go(stage: Stage, files: int) -> None:
    """No exchange, no connection of either side, none kept, and no descriptor more than before."""
    plane = stage.plane
    await stage.until(
        lambda: not (plane.clients or plane.upstreams or len(plane.in_flight)), "all has ended"
    )
    await turns(5)  # a socket is closed a turn after its connection was lost
    assert len(plane.pool) == 0
    assert open_files() == files


async def own_answer(stage: Stage, client: RawClient) -> None:
    """Another request gets the answer that the app gives to it, and no other."""
    await client.get(b"/next", b"Connection: close")
    app, request = await stage.app.serve()
    assert request.line == b"GET /next HTTP/1.1"
    await app.send(ok(b"next", b"Connection: close"))
    assert (await client.answer()).body == b"next"
    assert await client.ended() == "closed"
    app.close()


async def told(client: RawClient) -> int:
    while (answer := await client.answer()).status == 103:
        pass
    return answer.status


@pytest.mark.parametrize("how", ["closed", "reset"])
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(SIZED, id="sized"),
        pytest.param(CHUNKED, id="chunked"),
        pytest.param(UNTIL_CLOSE, id="until close"),
        pytest.param(INFORMED, id="after a 103"),
    ],
)
async def test_an_answer_cut_at_any_byte_is_told_or_seen(
    stage: Stage, answer: bytes, how: str
) -> None:
    body = answer.index(b"200 OK")
    body = answer.index(b"\r\n\r\n", body) + 4
    files = open_files()
    for at in range(len(answer)):
        client = await stage.client()
        await client.get()
        app, _ = await stage.app.serve()
        await app.send(answer[:at])
        await turns(5)
        end(app, how)
        if at < body:
            assert await told(client) == 502, at
        elif answer is UNTIL_CLOSE and how == "closed":
            assert (await client.rest()).endswith(b"\r\n\r\n" + answer[body:at])
        else:
            assert await client.drop() == "reset", at
        follower = client if at < body else await stage.client()
        await own_answer(stage, follower)
        client.close()
        follower.close()
        await all_is_let_go(stage, files)


@pytest.mark.parametrize("how", ["closed", "reset"])
async def test_a_kept_connection_cut_at_any_byte_is_never_taken_for_an_early_end(
    stage: Stage, how: str
) -> None:
    """Before the first byte of an answer the request goes out again, once; after it, never."""
    files = open_files()
    for at in range(SIZED.index(b"\r\n\r\n") + 4):
        client = await stage.client()
        await client.get(b"/first")
        app, _ = await stage.app.serve()
        await app.send(ok())
        assert (await client.answer()).body == b"hello"
        await client.get(b"/cut")
        assert (await app.message()).line == b"GET /cut HTTP/1.1"
        await app.send(SIZED[:at])
        await turns(5)
        end(app, how)
        if at:
            assert (await client.answer()).status == 502, at
        else:
            again, request = await stage.app.serve()
            assert request.line == b"GET /cut HTTP/1.1"
            await again.send(ok(b"again", b"Connection: close"))
            assert (await client.answer()).body == b"again"
            again.close()
        assert stage.app.untouched()
        await own_answer(stage, client)
        client.close()
        await all_is_let_go(stage, files)
    assert stage.tally.retried == 1


@pytest.mark.parametrize("how", ["closed", "reset"])
async def test_an_upload_cut_at_any_byte_of_the_answer_leaves_nothing(
    stage: Stage, how: str
) -> None:
    """The app answers before it has read the upload, and ends with bytes of it unread."""
    files = open_files()
    for at in range(len(SIZED) + 1):
        client = await stage.client()
        await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 90") + b"upload")
        app = await stage.app.accept()
        await app.until(b"\r\n\r\n")
        await app.send(SIZED[:at])
        await turns(5)
        end(app, how)
        if at < SIZED.index(b"\r\n\r\n") + 4:
            answer = await client.answer()
            assert (answer.status, answer.one(b"Connection")) == (502, b"close")
        elif at < len(SIZED):
            assert await client.drop() == "reset"
        else:
            answer = await client.answer()
            assert (answer.body, answer.one(b"Connection")) == (b"hello world", b"close")
        client.close()
        await all_is_let_go(stage, files)


async def test_an_early_answer_is_not_lost_to_the_reset_that_follows_it(stage: Stage) -> None:
    """An app that has had enough answers and closes; what it has not read makes that a reset."""
    files = open_files()
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 500000000"))
    app = await stage.app.accept()
    await client.stuff()
    app.try_send(head(b"HTTP/1.1 413 Enough", b"Content-Length: 4", b"Connection: close") + b"much")
    app.reset()
    answer = await client.answer()

    assert (answer.status, answer.body) == (413, b"much")
    assert answer.one(b"Connection") == b"close"
    client.close()
    await all_is_let_go(stage, files)


async def test_many_that_are_cut_at_once_each_see_their_own(start: Any) -> None:
    """Every other one is answered: nobody gets the answer of a neighbour."""
    stage = await start()
    files = open_files()
    clients = [await stage.client() for _ in range(40)]
    for number, client in enumerate(clients):
        await client.get(b"/%d" % number)
    apps = [await stage.app.serve() for _ in clients]
    for app, request in apps:
        name = request.line.split(b" ")[1]
        answer = ok(name)
        await app.send(answer if int(name[1:]) % 2 else answer[: int(name[1:]) // 2])
    await turns()
    for app, _ in apps:
        app.close()
    for number, client in enumerate(clients):
        if number % 2:
            assert (await client.answer()).body == b"/%d" % number
        else:
            assert (await client.answer()).status == 502
        client.close()
    await all_is_let_go(stage, files)
