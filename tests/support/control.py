"""A control plane for tests: three flags, two tokens, a clock that stands still."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientResponse
from aiohttp.test_utils import TestClient

from gateway.config.settings import Role, Secret, Token
from gateway.control import Services
from gateway.core.flags import Flag, FlagState, Identity, IdentitySource, Scope
from gateway.core.paths import compile_host, compile_path
from gateway.state.live import LiveState
from gateway.stores.base import Store

NOW = 1_900_000_000.0  # 2030-03-17T17:46:40Z

SITE = Flag(name="site", state=FlagState(enabled=False), description="The whole site.")
SEARCH = Flag(
    name="search",
    state=FlagState(enabled=False, message="Search is being rebuilt.", retry_after=600),
    scope=Scope(
        hosts=(compile_host("*.example.com"),),
        paths=(compile_path("/search"),),
        methods=frozenset({"POST", "GET"}),
    ),
)
REINDEX = Flag(
    name="reindex",
    state=FlagState(enabled=True, users=("ann",)),
    identity=Identity(sources=(IdentitySource("cookie", "uid"),)),
    strict=True,
)
TOKENS = (
    Token("ci", Secret("operator-secret"), Role.OPERATOR),
    Token("board", Secret("viewer-secret"), Role.VIEWER),
)


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@dataclass
class Clock:
    """Time that stands still until a test moves it."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Stage:
    """A running control plane and what stands behind it."""

    client: TestClient[Any, Any]
    state: LiveState
    store: Store
    clock: Clock
    services: Services
    listening: bool = True
    leaving: bool = False
    exposition: bytes = b"gateway_up 1\n"
    flying: dict[str | None, int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)  # by flag, "" for the app

    async def json(self, response: ClientResponse, status: int = 200) -> Any:
        """The answer's document, once its status and type are what they should be."""
        assert response.status == status, await response.text()
        kind = "application/json" if status == 200 else "application/problem+json"
        assert response.content_type == kind
        document = await response.json(content_type=None)
        if status != 200:
            assert document["status"] == status
            assert document["type"] == "about:blank"
            assert document["title"]
            assert document["detail"]
        return document

    async def get(self, path: str, status: int = 200, **more: Any) -> Any:
        return await self.json(await self.client.get(f"/api/v1{path}", **more), status)

    async def patch(self, flag: str, document: object, status: int = 200, **more: Any) -> Any:
        response = await self.client.patch(f"/api/v1/flags/{flag}", json=document, **more)
        return await self.json(response, status)
