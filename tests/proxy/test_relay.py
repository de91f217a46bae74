"""Requests go to the app, and answers come back."""

from __future__ import annotations

from tests.support.proxy_stage import Stage
from tests.support.wire import head, ok


async def test_request_and_answer_pass_through(stage: Stage) -> None:
    client = await stage.client()
    await client.get(b"/a?b=c", b"Accept: x/y")

    app, request = await stage.app.serve()
    await app.send(ok(b"hello", b"X-One: 1"))
    answer = await client.answer()

    assert request.line == b"GET /a?b=c HTTP/1.1"
    assert request.one(b"Accept") == b"x/y"
    assert answer.head == head(b"HTTP/1.1 200 OK", b"Content-Length: 5", b"X-One: 1")
    assert answer.body == b"hello"
