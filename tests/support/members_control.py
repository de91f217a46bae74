"""Members with a control plane each, over one store: real states, fake exchanges."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from gateway.control import Services, make_control
from gateway.control.services import Barrier
from gateway.core.flags import Flag
from gateway.core.request import Facts
from gateway.stores import open_store
from gateway.stores.base import Store
from tests.support.control import REINDEX, SEARCH, SITE
from tests.support.members import MemberOfMany, member

__all__ = ["Site", "request_of", "site_of_members"]


@dataclass
class Shift:
    """The real monotonic clock, which a test can move on."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@dataclass
class Site:
    """``members`` and the clients of their control planes, in the same order."""

    store: Store
    clock: Shift = field(default_factory=Shift)
    members: list[MemberOfMany] = field(default_factory=list)
    clients: list[TestClient[Any, Any]] = field(default_factory=list)

    async def call(
        self, method: str, path: str, document: object = None, *, status: int = 200, by: int = 0
    ) -> Any:
        body = {} if document is None else {"json": document}
        response = await self.clients[by].request(method, f"/api/v1{path}", **body)
        assert response.status == status, await response.text()
        return await response.json(content_type=None)

    def url(self, place: int = 0) -> str:
        server = self.clients[place].server
        assert isinstance(server, TestServer)
        return f"http://127.0.0.1:{server.port}"


@asynccontextmanager
async def site_of_members(
    count: int, *, flags: tuple[Flag, ...] = (SITE, SEARCH, REINDEX), store: str = "memory:"
) -> AsyncIterator[Site]:
    site = Site(open_store(store))
    try:
        for number in range(count):
            each = member(f"m{number + 1}", site.store, *flags, monotonic=site.clock)
            await each.start()
            site.members.append(each)
            client = TestClient(TestServer(make_control(_services(each)), host="127.0.0.1"))
            await client.start_server()
            site.clients.append(client)
        yield site
    finally:
        for client in site.clients:
            await client.close()
        for each in site.members:
            await each.close()


def request_of(user: str = "", path: str = "/") -> Facts:
    fields = ((b"Cookie", f"uid={user}".encode()),) if user else ()
    return Facts(method=b"GET", target=path.encode(), host=b"x", fields=fields, client="10.0.0.1")


def _services(each: MemberOfMany) -> Services:
    return Services(
        state=each.live,
        metrics=lambda: b"",
        in_flight=lambda: len(each.table),
        concerned=each.table.concerned,
        member=lambda: {
            "member": each.name,
            "revision": each.live.snapshot.revision,
            "connections": 3,
        },
        barrier=Barrier(each.membership, each.drains, each.guards, each.elsewhere),
    )
