"""A control API that a guard can work against: one flag, its guards, drains that just succeed.

It does what the real one does as far as a guard can tell, unless ``script`` has an answer:
``METHOD /path`` to a list that is used up in order, of ``(status, document)``, of callables that
make one of the call, or of None for what it would have answered.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.fake_control import UNSET, Call, FakeControl, flag_document, user_flag

Scripted = tuple[int, dict[str, Any]] | Callable[[Call], Any] | None


@dataclass(slots=True)
class FakeGuarded(FakeControl):
    """``flag`` is the one there is; ``guards`` by owner; ``members`` as status shows them."""

    flag: dict[str, Any] = field(default_factory=dict)
    guards: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: list[dict[str, Any]] = field(default_factory=list)
    script: dict[str, list[Scripted]] = field(default_factory=dict)
    drained: dict[str, Any] = field(default_factory=dict)
    called: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def lines(self) -> list[str]:
        """What was called, without heartbeats' bodies and the guard's own name."""
        return [_line(call) for call in self.calls]

    def calls_of(self, line: str) -> list[Call]:
        return [call for call in self.calls if _line(call) == line]

    async def wait_for(self, line: str, count: int = 1) -> None:
        """Until so many such calls have come."""
        async with self.called:
            await self.called.wait_for(lambda: len(self.calls_of(line)) >= count)

    def change(self, by: str = "somebody", **values: Any) -> None:
        """A flip by somebody else."""
        self._flip(values, by=by, reason="")

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.text()
        call = Call(
            request.method,
            request.raw_path,
            json.loads(body) if body else None,
            dict(request.headers),
        )
        self.calls.append(call)
        async with self.called:
            self.called.notify_all()
        path = request.path.removeprefix("/api/v1")
        waiting = self.script.get(_line(call)) or self.script.get(f"{request.method} {path}")
        scripted = waiting.pop(0) if waiting else None
        if callable(scripted):
            scripted = scripted(call)
            if isinstance(scripted, Awaitable):
                scripted = await scripted
        status, document = scripted or self._answer(call, path, request)
        return web.json_response(document, status=status)

    def _answer(self, call: Call, path: str, request: web.Request) -> tuple[int, dict[str, Any]]:
        base = f"/flags/{self.flag['flag']}"
        if path == "/status":
            return 200, {"revision": self.flag["revision"], "members": self._members()}
        if path == "/guards":
            return 200, {"revision": 1, "guards": list(self.guards.values())}
        if not (path == base or path.startswith(f"{base}/")):
            return 404, {"title": "Not Found", "detail": f"There is no flag at {path}."}
        return self._of_flag(call, path.removeprefix(base), request)

    def _of_flag(self, call: Call, rest: str, request: web.Request) -> tuple[int, dict[str, Any]]:
        if_match = call.fields.get("If-Match")
        if if_match not in (None, f'"{self.flag["revision"]}"'):
            return 412, {"title": "Precondition Failed", "detail": "moved"}
        if rest == "":
            if call.method == "PATCH":
                change = dict(call.document)
                self._flip(change, by="local", reason=change.pop("reason", ""))
            return 200, self.flag
        if rest == "/drain":
            return 200, {**self._drained(call), **self.drained}
        if rest.startswith("/guards"):
            return self._guard(call, rest.removeprefix("/guards").lstrip("/"))
        return self._user(call, rest.removeprefix("/users/"), request)

    def _members(self) -> list[dict[str, Any]]:
        return self.members or [
            {"member": "m1", "state": "live", "revision": self.flag["revision"], "in_flight": 0}
        ]

    def _drained(self, call: Call) -> dict[str, Any]:
        return {
            "drained": True,
            "flag": self.flag["flag"],
            "user": (call.document or {}).get("user"),
            "revision": self.flag["revision"],
            "members": ["m1"],
            "waited": 0.01,
            "in_flight": 0,
            "finished": 2,
            "cut": 0,
            "abandoned": 0,
            "missing": [],
            "unseen": False,
            "reason": None,
        }

    def _guard(self, call: Call, owner: str) -> tuple[int, dict[str, Any]]:
        if call.method == "POST":
            document = {**call.document, "flag": self.flag["flag"], "by": "local", "revision": 1}
            document.setdefault("user", None)
            self.guards[document["owner"]] = document
            return 201, document
        if owner not in self.guards:
            return 404, {"title": "Not Found", "detail": "There is no guard like this."}
        if call.method == "DELETE":
            return 200, {**self.guards.pop(owner), "revision": 1}
        self.guards[owner] |= call.document
        return 200, {**self.guards[owner], "revision": 1}

    def _user(self, call: Call, user: str, request: web.Request) -> tuple[int, dict[str, Any]]:
        users = [each for each in self.flag["users"] if each != user]
        if call.method == "PUT":
            users.append(user)
        if users != self.flag["users"]:
            self._flip({"users": users}, by="local", reason=request.query.get("reason", ""))
        return 200, self.flag

    def _flip(self, values: dict[str, Any], *, by: str, reason: str) -> None:
        override = {**(self.flag["override"] or {}), **values}
        override = {key: value for key, value in override.items() if value is not None}
        yaml = self.flag["yaml"]
        reset = {key: yaml[key] for key, value in values.items() if value is None}
        revision = self.flag["revision"] + 1
        self.flag |= {
            **values,
            **reset,
            "override": override or None,
            "from": "override" if override else "yaml",
            "since": f"2030-01-31T12:00:00.{revision:03}Z" if override else None,
            "by": by if override else None,
            "reason": reason if override else None,
            "revision": revision,
        }

    async def guard(self, *words: str, directory: Path | None = None) -> Guarded:
        """``gateway guard WORDS`` as a process of its own."""
        environ = {key: value for key, value in os.environ.items() if key not in UNSET}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "guard", *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env={**environ, "GATEWAY_URL": self.url}, cwd=directory,
            start_new_session=True,
        )  # fmt: skip
        return Guarded(process)


@dataclass(slots=True)
class Guarded:
    """A guard that runs."""

    process: asyncio.subprocess.Process

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def ended(self) -> tuple[int, str, str]:
        """Its exit status, stdout and stderr."""
        out, err = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, out.decode(), err.decode()


def guarded_flag(name: str = "site", **changes: Any) -> dict[str, Any]:
    make = user_flag if name == "reindex" else flag_document
    flag = make(name, **{"override": None, **changes})
    state = {key: flag[key] for key in ("mode", "enabled", "users", "rollout", "ttl")}
    return {**flag, "yaml": {**state, **changes.get("yaml", {})}}


async def start_fake_guarded(flag: dict[str, Any]) -> FakeGuarded:
    """Listening on a free port of 127.0.0.1; close ``server`` when done."""
    app = web.Application()
    server = TestServer(app, host="127.0.0.1")
    fake = FakeGuarded(server, flag=flag)
    app.router.add_route("*", "/{path:.*}", fake.handle)
    await server.start_server()
    return fake


def _line(call: Call) -> str:
    path = call.path.removeprefix("/api/v1").partition("?")[0]
    if "/guards/" in path:
        path = f"{path.partition('/guards/')[0]}/guards/ID"
    return f"{call.method} {path}"
