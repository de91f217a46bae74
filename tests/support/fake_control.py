"""A control API that gives scripted answers and keeps every call, for tests of its clients."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner, Result

from gateway.cli import main

UNSET = {"GATEWAY_URL": None, "GATEWAY_CONTROL_TOKEN": None, "GATEWAY_CONFIG": None}


def flag_document(name: str = "site", **changes: Any) -> dict[str, Any]:
    """A flag as the control API shows it."""
    state = {"mode": "unavailable", "enabled": False, "users": [], "rollout": 0, "ttl": 300}
    return {
        "flag": name,
        "kind": "site",
        **state,
        "scope": {"hosts": [], "paths": [], "methods": []},
        "window": None,
        "from": "yaml",
        "since": None,
        "by": None,
        "reason": None,
        "until": None,
        "in_flight": 0,
        "description": "",
        "strict": False,
        "identity": None,
        "page": {"title": None, "message": None, "retry_after": None},
        "revision": 7,
        **changes,
    }


def user_flag(name: str = "reindex", **changes: Any) -> dict[str, Any]:
    identity = {"sources": [{"cookie": "uid"}], "missing": "forward"}
    scope = {"hosts": [], "paths": ["/search"], "methods": []}
    return flag_document(
        name, **{"kind": "user", "enabled": True, "identity": identity, "scope": scope, **changes}
    )


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it came over the wire. ``path`` is raw, with its query."""

    method: str
    path: str
    document: Any
    fields: dict[str, str]

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(slots=True)
class FakeControl:
    """``answers`` by ``METHOD /path``: (status, document or text); a list is used up in order."""

    server: TestServer
    answers: dict[str, Any] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    async def run(self, *words: str, env: dict[str, str | None] | None = None) -> Result:
        """One command line, asked of this server unless the words or ``env`` say otherwise."""
        env = {**UNSET, "GATEWAY_URL": self.url, **(env or {})}
        return await asyncio.to_thread(CliRunner().invoke, main, words, env=env)

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.text()
        document = json.loads(body) if body else None
        self.calls.append(Call(request.method, request.raw_path, document, dict(request.headers)))
        answer = self.answers.get(f"{request.method} {request.path.removeprefix('/api/v1')}")
        if isinstance(answer, list):
            answer = answer.pop(0)
        if answer is None:
            answer = 404, {"title": "Not Found", "detail": "nothing scripted", "status": 404}
        status, document = answer
        if isinstance(document, str):
            return web.Response(status=status, text=document)
        return web.json_response(document, status=status)


async def start_fake_control() -> FakeControl:
    """Listening on a free port of 127.0.0.1; close ``server`` when done."""
    app = web.Application()
    server = TestServer(app, host="127.0.0.1")
    fake = FakeControl(server)
    app.router.add_route("*", "/{path:.*}", fake.handle)
    await server.start_server()
    return fake
