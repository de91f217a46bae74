"""Bodies that do not arrive."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.control import bodies
from gateway.control.bodies import JSON, read_json
from gateway.control.problems import Problem
from tests.support.control import Stage

HEAD = b"PATCH /api/v1/flags/site HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


class Request:
    """A JSON request whose body is read by ``read``."""

    method = "PATCH"
    content_type = JSON
    headers = {"Content-Type": JSON}  # noqa: RUF012 never changed

    def __init__(self, read: Callable[[], Awaitable[bytes]]) -> None:
        self.read = read


async def failing(read: Callable[[], Awaitable[bytes]]) -> Problem:
    request: Any = Request(read)
    with pytest.raises(Problem) as caught:
        await read_json(request, JSON)
    return caught.value


async def test_a_caller_who_leaves_is_no_fault_of_ours() -> None:
    async def leave() -> bytes:
        raise ConnectionResetError("Connection lost")

    assert (await failing(leave)).status == 400


async def test_a_body_that_does_not_come_is_408(monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait() -> bytes:
        return await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(bodies, "BODY_TIMEOUT", 0)
    problem = await failing(wait)
    assert problem.status == 408
    assert problem.headers == {"Connection": "close"}


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 9\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"]
)
async def test_an_answer_comes_although_the_body_is_cut(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, framing: bytes
) -> None:
    monkeypatch.setattr(bodies, "BODY_TIMEOUT", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.client.port)
    writer.write(HEAD + framing)
    assert (await reader.readline()).split()[1] == b"408"
    writer.close()
    assert stage.state.snapshot.view("site").origin == "yaml"
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_a_chunk_without_a_length_is_400(stage: Stage) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.client.port)
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
    assert (await reader.readline()).split()[1] == b"400"
    writer.close()
    assert stage.state.snapshot.view("site").origin == "yaml"
