"""What a caller may do to the control listener by how it reads and writes."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.config.settings import Address
from gateway.control import connection
from gateway.control.connection import CONNECTIONS
from gateway.control.connections import Connections
from gateway.control.server import ControlServer
from gateway.sockets import bind
from tests.support.control import Stage
from tests.support.wire import RawClient, within

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Served:
    """A control server on a port of its own, in front of a stage's services."""

    def __init__(self, server: ControlServer, port: int) -> None:
        self.server, self.port = server, port

    @property
    def book(self) -> Connections[Any]:
        return self.server._application[CONNECTIONS]

    def connect(self) -> RawClient:
        return RawClient(socket.create_connection(("127.0.0.1", self.port)))


@pytest.fixture
async def served(stage: Stage) -> AsyncIterator[Served]:
    server = ControlServer(stage.services, patience=1.0)
    sockets = bind(Address("127.0.0.1", 0))
    await server.start(sockets)
    yield Served(server, sockets[0].getsockname()[1])
    await server.finish(5.0)


async def test_a_request_that_is_none_gets_a_problem_that_repeats_nothing(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for head in (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer s3cret\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + b"s3cret" * 2000 + b"\r\n",
        b"GET /" + b"s3cret" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"s3cret \x00\x01\r\n\r\n",
        b"\x16\x03\x01\x02\x00s3cret",
    ):
        client = served.connect()
        client.try_send(head)
        answer = await client.rest()
        client.close()
        head_of_answer, _, body = answer.partition(b"\r\n\r\n")
        assert head_of_answer.split(b" ")[1] == b"400"
        assert b"application/problem+json" in head_of_answer
        assert json.loads(body)["status"] == 400
        assert b"s3cret" not in answer
        assert b"aiohttp" not in answer
    assert "s3cret" not in caplog.text
    assert "Traceback" not in caplog.text


async def test_one_that_rests_is_closed_for_one_more(served: Served) -> None:
    served.book._most = 2
    first, second = served.connect(), served.connect()
    for client in (first, second):
        await client.send(GET)
        await client.until(b'"ok"\n}\n')
    third = served.connect()
    await third.send(GET)
    await third.until(b'"ok"\n}\n')
    await first.ended()
    await second.send(GET)
    await second.until(b'"ok"\n}\n')
    assert len(served.book) == 2
    for client in (first, second, third):
        client.close()


async def test_one_that_sends_its_head_slowly_is_closed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HANDLING", {**connection.HANDLING, "keepalive_timeout": 0.05})
    server, sockets = ControlServer(stage.services, patience=1.0), bind(Address("127.0.0.1", 0))
    await server.start(sockets)
    client = Served(server, sockets[0].getsockname()[1]).connect()
    await client.send(GET[:20])
    await client.ended()
    client.close()
    await server.finish(5.0)


async def test_one_that_does_not_read_is_closed(
    served: Served, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "STALLED", 0.0)
    stage.exposition = bytes(1 << 26)
    client = served.connect()
    await client.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")

    async def gone() -> None:
        while len(served.book):  # noqa: ASYNC110 the book has no event, and needs none
            await asyncio.sleep(0.01)

    await within(gone(), "the connection is off the book", 60)
    client.close()


async def test_one_that_reads_gets_all_of_a_long_answer(served: Served, stage: Stage) -> None:
    stage.exposition = bytes(1 << 24)
    client = served.connect()
    await client.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = await client.message()
    assert len(answer.body) == 1 << 24
    client.close()
