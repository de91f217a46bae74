"""A data plane between a scripted app and raw clients, with nothing else around it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from gateway.config.settings import Settings
from gateway.core.flags import Flag
from gateway.core.overrides import Override
from gateway.core.snapshot import Snapshot, compile_snapshot
from gateway.pages.pages import Pages
from gateway.proxy.client.listener import Listener
from gateway.proxy.plane import DataPlane
from gateway.sockets import bind, named
from gateway.state.passes import Passes
from gateway.telemetry.tally import Tally
from tests.support.wire import RawApp, RawClient, turns, within


class FakeLive:
    """A snapshot to be swapped, and a store that answers when the test lets it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.snapshot: Snapshot
        self.fenced: Snapshot | None = None  # once the lease is out
        self.asked = 0  # how often fresh() was called
        self.reads = 0  # how often the snapshot was looked at by a request
        self.answers = asyncio.Event()
        self.answers.set()
        self.error: Exception | None = None
        self.overrides: dict[str, Override] = {}
        self._passes = Passes(time.time)
        self._revision = 0
        self.hold(*settings.flags)

    def hold(self, *flags: Flag) -> None:
        """From now on these are the flags."""
        self._revision += 1
        self.snapshot = compile_snapshot(
            flags,
            self.overrides,
            revision=self._revision,
            allow=self.settings.allow,
            now=time.time(),
            gates=self._passes.gates(self.settings.allow.key, self.overrides),
        )

    def current(self) -> Snapshot:
        return self.fenced or self.snapshot

    async def fresh(self) -> Snapshot:
        self.asked += 1
        await self.answers.wait()
        if self.error is not None:
            raise self.error
        return self.current()


class Stage:
    """The gateway between ``app`` and the clients that ``client()`` connects."""

    def __init__(self, app: RawApp, live: FakeLive) -> None:
        self.app = app
        self.live = live
        self.tally = Tally()
        self.plane = DataPlane(live, Pages(live.settings.page), self.tally)
        self.listener = Listener(self.plane, live.settings)
        self.address = ""
        self._clients: list[RawClient] = []

    async def open(self) -> None:
        sockets = bind(self.live.settings.listen)
        self.address = named(sockets)
        await self.listener.start(sockets)

    def take_settings(self, **edit: Any) -> None:
        """An edit of the configuration, as it takes effect while running."""
        self.live.settings = replace(self.live.settings, **edit)
        self.plane.take_settings(self.live.settings)
        self.listener.take_settings(self.live.settings)

    async def client(self, *, receive_buffer: int | None = None) -> RawClient:
        """A new connection; ``receive_buffer`` bounds what the kernel takes for it."""
        sock = socket.socket()
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)  # noqa: FBT003 its own signature
        host, port = self.address.rsplit(":", 1)
        loop = asyncio.get_running_loop()
        await within(loop.sock_connect(sock, (host, int(port))), "a connection to the gateway")
        client = RawClient(sock)
        self._clients.append(client)
        return client

    async def after(self, seconds: float) -> None:
        """As if so many seconds had passed: time-outs alone know the time."""
        await turns()
        self.plane.sweep(self.plane.time() + seconds)
        await turns()

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Let the loop go round until something is true."""

        async def wait() -> None:
            while not condition():  # noqa: ASYNC110 no event tells of it
                await asyncio.sleep(0)

        await within(wait(), what)

    async def idle(self) -> None:
        """Nothing in flight."""
        await self.until(lambda: not len(self.plane.in_flight), "nothing in flight")

    async def close(self) -> None:
        self.listener.stop()
        for client in self._clients:
            client.close()
        self.plane.stop()
        await self.until(
            lambda: not (self.plane.clients or self.plane.upstreams or self.plane.in_flight),
            "every connection and exchange has ended",
        )
        self.app.close()
        await turns()
