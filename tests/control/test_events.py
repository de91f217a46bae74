"""Server-sent events: a snapshot, what changes, and an end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import ClientResponse

from gateway.control.news import MOST_LISTENERS, NEWS, News
from gateway.stores import open_store
from tests.support.control import TOKENS, Stage, bearer
from tests.support.dashboard import visitor

PATIENCE = 30.0  # seconds; met by a hang alone


async def event(response: ClientResponse, wanted: Callable[[str, Any], bool]) -> Any:
    """The data of the next event that is wanted."""
    async with asyncio.timeout(PATIENCE):
        name = ""
        async for line in response.content:
            key, _, value = line.decode().rstrip("\n").partition(": ")
            if key == "event":
                name = value
            elif key == "data" and wanted(name, document := json.loads(value)):
                return document
    raise AssertionError("the stream ended")


def named(name: str) -> Callable[[str, Any], bool]:
    return lambda event, _: event == name


async def test_it_begins_with_everything_and_tells_what_changes(stage: Stage) -> None:
    async with stage.client.get("/api/v1/events", headers={"Last-Event-ID": "7"}) as response:
        assert response.content_type == "text/event-stream"
        first = await event(response, lambda *_: True)
        assert [flag["flag"] for flag in first["flags"]] == ["site", "search", "reindex"]
        assert first["status"]["store"]["kind"] == "memory"
        assert first["guards"] == []
        assert first["entries"][0]["action"] == "config"
        await stage.patch("site", {"enabled": True, "reason": "moving"})
        flags = await event(response, named("flags"))
        assert flags["flags"][0]["enabled"] is True
        assert flags["revision"] == stage.state.snapshot.revision
        audit = await event(response, named("audit"))
        assert audit["entries"][0]["reason"] == "moving"


async def test_what_another_replica_changed_is_told_too(start: Any) -> None:
    store = open_store("memory:")
    one, other = await start(store=store), await start(store=store)
    async with one.client.get("/api/v1/events") as response:
        await event(response, named("snapshot"))
        await other.patch("search", {"enabled": True})
        flags = await event(response, named("flags"))
        assert [flag["flag"] for flag in flags["flags"] if flag["enabled"]] == ["search", "reindex"]


async def test_the_dashboard_is_told_figures_and_what_to_look_at_again(start: Any) -> None:
    stage = await start(tokens=TOKENS)
    one = await visitor(stage, "viewer-secret")
    jar = {"Cookie": "; ".join(f"{name}={value}" for name, value in one.cookies.items())}
    async with stage.client.get("/events", headers=jar) as response:
        counters = await event(response, named("counters"))
        assert counters["traffic"] == {"in_flight": 0, "forwarded": 0, "refused": 0}
        await stage.patch("site", {"enabled": True}, headers=bearer("operator-secret"))
        assert await event(response, named("flags")) == {}


async def test_it_wants_a_token_and_ends_with_it(start: Any) -> None:
    stage = await start(tokens=TOKENS)
    await stage.get("/events", 401)
    headers = bearer("viewer-secret")
    async with stage.client.get("/api/v1/events", headers=headers) as response:
        await event(response, named("snapshot"))
        object.__setattr__(stage.state.settings.control, "tokens", TOKENS[:1])
        async with asyncio.timeout(PATIENCE):
            await response.content.read()


async def test_it_ends_when_the_worker_leaves_and_keeps_no_connection(stage: Stage) -> None:
    async with stage.client.get("/api/v1/events") as response:
        await event(response, named("snapshot"))
        assert response.headers["Connection"] == "close"
        stage.client.app[NEWS].end()
        async with asyncio.timeout(PATIENCE):
            await response.content.read()
    await stage.get("/events", 503)


async def test_nothing_is_looked_at_once_nobody_listens(stage: Stage) -> None:
    news: News = stage.client.app[NEWS]
    async with news.follow(("flags",)) as listener:
        assert set(await listener.next(PATIENCE)) == {"flags"}
        names = [task.get_name() for task in asyncio.all_tasks()]
        assert names.count("telling what changes") == 1
    assert "telling what changes" not in [task.get_name() for task in asyncio.all_tasks()]


async def test_a_listener_too_many_is_503_and_a_slow_one_has_a_bounded_backlog(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MOST_LISTENERS == 50
    monkeypatch.setattr("gateway.control.news.MOST_LISTENERS", 1)
    async with stage.client.app[NEWS].follow(("flags",)) as listener:
        await stage.get("/events", 503)
        await listener.next(PATIENCE)
        for number in range(5):
            listener.tell({"flags": (str(number), {"revision": number})})
        assert await listener.next(PATIENCE) == {"flags": {"revision": 4}}


async def test_head_is_answered_at_once(stage: Stage) -> None:
    response = await stage.client.head("/api/v1/events")
    assert response.status == 200
    assert response.content_type == "text/event-stream"
