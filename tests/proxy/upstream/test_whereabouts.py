"""The upstream's name: looked up beside the requests, and followed when it changes."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.config.settings import Address
from gateway.proxy.upstream.connector import Connector
from tests.support.proxy_stage import Stage
from tests.support.wire import RawApp, Wire, ok, within


class Names:
    """A resolver: ``hosts`` is what it answers (None: it fails), once ``answers`` is set."""

    def __init__(self, *hosts: str) -> None:
        self.hosts: Sequence[str] | None = hosts
        self.asked = 0
        self.answers = asyncio.Event()
        self.answers.set()

    async def __call__(self, _host: str, port: int) -> Any:
        self.asked += 1
        await self.answers.wait()
        if self.hosts is None:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (host, port, 0, 0))
            if ":" in host
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))
            for host in self.hosts
        ]


class Apps:
    """Listeners on one port of several addresses."""

    def __init__(self, *hosts: str) -> None:
        first = socket.create_server((hosts[0], 0))
        self.port: int = first.getsockname()[1]
        rest = [socket.create_server((host, self.port)) for host in hosts[1:]]
        self._listeners = dict(zip(hosts, [first, *rest], strict=True))
        for each in self._listeners.values():
            each.setblocking(False)  # noqa: FBT003 its own signature
        self.wires: list[Wire] = []

    async def serve(self, host: str) -> Wire:
        """Answer one request on a new connection to that address."""
        loop = asyncio.get_running_loop()
        sock, _ = await within(loop.sock_accept(self._listeners[host]), f"a connection to {host}")
        wire = Wire(sock)
        self.wires.append(wire)
        await self.answer(wire)
        return wire

    async def answer(self, wire: Wire) -> None:
        await wire.message()
        await wire.send(ok())

    def close(self) -> None:
        for each in (*self._listeners.values(), *self.wires):
            each.close()


@pytest.fixture
async def apps() -> Any:
    made = Apps("127.0.0.2", "127.0.0.3")
    yield made
    made.close()


async def behind(start: Any, port: int, names: Names) -> Stage:
    """A gateway whose upstream is a name at that port."""
    stage: Stage = await start(upstream=Address("app.test", port))
    stage.plane.connector = Connector(stage.plane, stage.plane.settings, names)
    return stage


async def look_up(stage: Stage) -> None:
    """What is done every few seconds."""
    whereabouts = stage.plane.connector._whereabouts
    assert whereabouts is not None
    await within(whereabouts.look_up(), "a lookup")


async def test_a_name_is_looked_up_for_no_request(start: Any, apps: Apps) -> None:
    names = Names("127.0.0.2")
    stage = await behind(start, apps.port, names)
    clients = [await stage.client() for _ in range(3)]
    for client in clients:
        await client.get()
    for _ in clients:
        await apps.serve("127.0.0.2")
    for client in clients:
        assert (await client.answer()).body == b"hello"

    assert names.asked == 1


async def test_a_change_is_followed_and_idle_connections_let_go(start: Any, apps: Apps) -> None:
    names = Names("127.0.0.2")
    stage = await behind(start, apps.port, names)
    client = await stage.client()
    await client.get()
    old = await apps.serve("127.0.0.2")
    await client.answer()
    names.hosts = ["127.0.0.3"]
    await look_up(stage)

    assert await old.ended() == "closed"
    await client.get()
    await apps.serve("127.0.0.3")
    assert (await client.answer()).status == 200


async def test_an_exchange_under_way_ends_where_it_began(start: Any, apps: Apps) -> None:
    names = Names("127.0.0.2")
    stage = await behind(start, apps.port, names)
    client = await stage.client()
    await client.get()
    old = await apps.serve("127.0.0.2")
    await client.answer()
    await client.get(b"/slow")
    await old.message()
    names.hosts = ["127.0.0.3"]
    await look_up(stage)
    await old.send(ok(b"done"))

    assert (await client.answer()).body == b"done"
    await client.get()  # though the old one was kept, for all it knows
    await apps.serve("127.0.0.3")
    assert (await client.answer()).status == 200
    await look_up(stage)
    assert await old.ended() == "closed"


async def test_a_resolver_that_fails_leaves_what_is_known(
    start: Any, apps: Apps, caplog: pytest.LogCaptureFixture
) -> None:
    names = Names("127.0.0.2")
    stage = await behind(start, apps.port, names)
    client = await stage.client()
    await client.get()
    kept = await apps.serve("127.0.0.2")
    await client.answer()
    names.hosts = None
    await look_up(stage)
    assert "its last known addresses go on: app.test" in caplog.text
    caplog.clear()

    await client.get()
    await apps.answer(kept)
    assert (await client.answer()).status == 200
    another = await stage.client()
    await client.get(b"/slow")
    await another.get()
    await apps.serve("127.0.0.2")
    assert (await another.answer()).status == 200


async def test_a_name_that_was_never_resolved_is_a_502_until_it_is(
    start: Any, apps: Apps, caplog: pytest.LogCaptureFixture
) -> None:
    names = Names()
    names.hosts = None
    stage = await behind(start, apps.port, names)
    client = await stage.client()
    await client.get()
    answer = await client.answer()

    assert answer.status == 502
    assert b"app.test" not in answer.body
    assert "the app's name is not resolved: app.test: " in caplog.text
    caplog.clear()
    names.hosts = ["127.0.0.2"]
    await client.get()
    await apps.serve("127.0.0.2")
    assert (await client.answer()).status == 200


async def test_a_resolver_that_hangs_holds_up_nobody(start: Any, apps: Apps) -> None:
    names = Names("127.0.0.2")
    stage = await behind(start, apps.port, names)
    await look_up(stage)
    names.answers.clear()
    lookup = asyncio.create_task(look_up(stage))
    await stage.until(lambda: names.asked == 2, "a lookup is under way")
    client = await stage.client()
    await client.get()
    await apps.serve("127.0.0.2")

    assert (await client.answer()).status == 200
    names.answers.set()
    await lookup


async def test_requests_that_wait_for_the_first_answer_share_it(start: Any, apps: Apps) -> None:
    names = Names("127.0.0.2")
    names.answers.clear()
    stage = await behind(start, apps.port, names)
    clients = [await stage.client() for _ in range(5)]
    for client in clients:
        await client.get()
    await stage.until(lambda: len(stage.plane.in_flight) == 5, "five wait")
    names.answers.set()
    for _ in clients:
        await apps.serve("127.0.0.2")
    for client in clients:
        assert (await client.answer()).status == 200

    assert names.asked == 1


@pytest.mark.parametrize("dead", ["127.0.0.9", "::1"])
async def test_a_dead_first_address_makes_no_request_fail(
    start: Any, apps: Apps, dead: str
) -> None:
    stage = await behind(start, apps.port, Names(dead, "127.0.0.2"))
    client = await stage.client()
    await client.get()
    await apps.serve("127.0.0.2")

    assert (await client.answer()).status == 200


async def test_an_address_that_does_not_answer_is_tried_last_from_then_on(
    start: Any, apps: Apps
) -> None:
    black_hole = RawApp()
    black_hole.close()
    full = socket.socket()
    full.bind(("127.0.0.4", apps.port))
    full.listen(0)
    crowd = [socket.socket() for _ in range(8)]
    for each in crowd:  # until its queue is full: the kernel then answers nobody
        each.setblocking(False)  # noqa: FBT003 its own signature
        each.connect_ex(("127.0.0.4", apps.port))
    stage = await behind(start, apps.port, Names("127.0.0.4", "127.0.0.3"))
    client = await stage.client()
    await client.get()
    await apps.serve("127.0.0.3")
    assert (await client.answer()).status == 200
    whereabouts = stage.plane.connector._whereabouts
    assert whereabouts is not None

    assert [place[4][0] for place in whereabouts._in_order()] == ["127.0.0.3", "127.0.0.4"]
    for each in (*crowd, full):
        each.close()


async def test_every_address_refusing_is_a_502_and_asks_the_resolver_again(
    start: Any, caplog: pytest.LogCaptureFixture
) -> None:
    closed = socket.create_server(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    closed.close()
    names = Names("127.0.0.1", "127.0.0.2")
    stage = await behind(start, port, names)
    stage.plane.connector.start()
    await stage.until(lambda: names.asked == 1, "the first lookup")
    client = await stage.client()
    await client.get()

    assert (await client.answer()).status == 502
    assert "the app cannot be reached: " in caplog.text
    caplog.clear()
    await stage.until(lambda: names.asked == 2, "another, before its time")


async def test_the_system_s_resolver_knows_localhost(start: Any) -> None:
    """With ::1 first, on many machines, where nobody listens."""
    app = RawApp()
    stage = await start(app=app, upstream=Address("localhost", app.port))
    client = await stage.client()
    await client.get()
    wire, _ = await app.serve()
    await wire.send(ok())

    assert (await client.answer()).status == 200


async def test_an_app_at_an_ipv6_address(start: Any) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    listener.setblocking(False)  # noqa: FBT003 its own signature
    stage = await start(
        upstream=Address("::1", listener.getsockname()[1]), listen=Address("::1", 0)
    )
    assert stage.address.startswith("[::1]:")
    sock = socket.create_connection(("::1", int(stage.address.rpartition(":")[2])))
    client = Wire(sock)
    await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    accepted, _ = await within(asyncio.get_running_loop().sock_accept(listener), "a connection")
    app = Wire(accepted)
    request = await app.message()
    await app.send(ok())

    assert request.one(b"X-Forwarded-For") == b"::1"
    assert (await client.message()).body == b"hello"
    for each in (app, client, listener):
        each.close()
