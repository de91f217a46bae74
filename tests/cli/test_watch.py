"""``gateway watch``: events as they come, lines where there is no terminal, JSON if asked."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from rich.console import Console

from gateway.cli import watch as module
from gateway.cli.client import Client
from gateway.cli.watch import Picture, follow, lines
from tests.support.fake_control import FakeControl, flag_document, start_fake_control

STATUS = {
    "revision": 7,
    "members": [{"member": "a1", "pid": 42, "revision": 7}],
    "guards": [],
    "config": {"errors": [{"text": "config.yaml:14: flags: wrong"}]},
    "in_flight": 3,
    "held": 2,
    "traffic": {"in_flight": 5, "forwarded": 100, "refused": 10},
}


def flags(*names: str, **more: Any) -> dict[str, Any]:
    return {"revision": 7, "flags": [flag_document(name, **more) for name in names]}


def test_each_flag_is_told_once_and_then_where_it_changes() -> None:
    on = {"enabled": True, "by": "ci", "reason": "new\nindex", "since": 0}
    told = list(
        lines(
            iter(
                [
                    ("snapshot", flags("site", "search")),
                    ("status", STATUS),
                    ("flags", {"flags": [flag_document("site"), flag_document("search", **on)]}),
                ]
            )
        )
    )
    assert told[:2] == ["site is off", "search is off"]
    assert told[2].endswith("search is ON by ci: new index")
    assert len(told) == 3


def test_rates_are_of_two_figures() -> None:
    picture = Picture()
    picture.take({**flags("site"), "status": STATUS}, 10.0)
    assert picture.rates is None
    later = {**STATUS, "traffic": {"in_flight": 1, "forwarded": 120, "refused": 10}}
    picture.take(later, 14.0)
    assert picture.rates == (5.0, 0.0)


def test_a_terminal_shows_one_picture() -> None:
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    events = [("snapshot", {**flags("site", enabled=True), "status": STATUS})]
    module._draw(iter(events), console)
    drawn = console.file.getvalue()  # type: ignore[attr-defined]
    for said in ("site", "ON", "5 in flight", "2 held", "a1: pid 42", "config.yaml:14"):
        assert said in drawn


async def test_a_stream_is_read_as_json_lines_and_asked_for_again_when_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str | None] = []

    async def events(request: web.Request) -> web.StreamResponse:
        asked.append(request.headers.get("Authorization"))
        text = f": \n\nevent: snapshot\nid: 7\ndata: {json.dumps(flags('site'))}\n\n"
        return web.Response(text=text, content_type="text/event-stream")

    app = web.Application()
    app.router.add_get("/api/v1/events", events)
    monkeypatch.setattr(module, "PAUSE", 0.0)
    async with TestServer(app, host="127.0.0.1") as server:
        following = follow(Client(f"http://127.0.0.1:{server.port}", "secret"))

        def two() -> list[Any]:
            return [next(following), next(following)]

        told = await asyncio.to_thread(two)
    assert [name for name, _ in told] == ["snapshot", "snapshot"]
    assert asked == ["Bearer secret", "Bearer secret"]


async def test_a_gateway_without_events_is_asked_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake: FakeControl = await start_fake_control()
    fake.answers["GET /flags"] = 200, flags("site")
    fake.answers["GET /status"] = 200, STATUS
    monkeypatch.setattr(module, "POLL", 0.0)
    monkeypatch.setattr(module, "PAUSE", 0.0)
    following = follow(Client(fake.url))
    name, document = await asyncio.to_thread(next, following)
    await fake.server.close()
    assert name == "snapshot"
    assert document["status"]["held"] == 2


async def test_what_is_refused_or_not_there_is_said_as_with_any_verb() -> None:
    fake = await start_fake_control()
    fake.answers["GET /events"] = 401, {"title": "Unauthorized", "detail": "no", "status": 401}
    result = await fake.run("watch")
    url = fake.url
    await fake.server.close()
    assert (result.exit_code, "wants a token" in result.stderr) == (1, True)
    result = await fake.run("watch", env={"GATEWAY_URL": url})
    assert result.exit_code == 3
