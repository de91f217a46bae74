"""Draining through the API: what it waits for, and every way to ask it wrongly."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.control import drain
from tests.support.control import TOKENS, bearer
from tests.support.members_control import Site, request_of, site_of_members

DOCS = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with site_of_members(2) as site:
        yield site


async def until_drains(site: Site, count: int) -> None:
    """Until so many drains are open."""
    waker = site.members[0].waker
    seen = waker.count
    while len(await site.store.records("drains")) != count:
        seen = await waker.after(seen, 1.0)


async def test_a_flag_with_nothing_under_way_is_drained_at_once(site: Site) -> None:
    flag = await site.call("PATCH", "/flags/site", {"enabled": True})
    result = await site.call("POST", "/flags/site/drain", {"timeout": "5s"})
    waited = result.pop("waited")
    assert 0 <= waited < 5
    assert result == {
        "drained": True,
        "flag": "site",
        "user": None,
        "revision": flag["revision"],
        "members": ["m1", "m2"],
        "in_flight": 0,
        "finished": 0,
        "cut": 0,
        "abandoned": 0,
        "missing": [],
        "unseen": False,
        "reason": None,
    }


async def test_every_field_of_a_result_is_documented(site: Site) -> None:
    await site.call("PATCH", "/flags/site", {"enabled": True})
    result = await site.call("POST", "/flags/site/drain", {"timeout": 5})
    assert [name for name in result if f"`{name}`" not in DOCS] == []


async def test_a_drain_waits_for_what_was_let_through_on_any_member(site: Site) -> None:
    exchange = site.members[1].admit(request_of())
    await site.call("PATCH", "/flags/site", {"enabled": True})
    draining = asyncio.create_task(site.call("POST", "/flags/site/drain", {"timeout": 30}))
    done, _ = await asyncio.wait({draining}, timeout=0.1)
    assert not done
    exchange.state = "finished"
    assert (await draining)["finished"] == 1


async def test_a_drain_of_a_user_minds_that_user_alone(site: Site) -> None:
    site.members[0].admit(request_of("carol"))
    bob = site.members[1].admit(request_of("bob"))
    await site.call("PUT", "/flags/reindex/users/bob")
    body = {"user": "bob", "timeout": 0.2}
    late = await site.call("POST", "/flags/reindex/drain", body, status=504)
    assert (late["drained"], late["in_flight"], late["status"]) == (False, 1, 504)
    assert "m2 has 1 in flight" in late["reason"]
    assert late["reason"] in late["detail"]
    bob.state = "finished"
    assert (await site.call("POST", "/flags/reindex/drain", body))["user"] == "bob"


async def test_a_flag_that_is_off_cannot_be_drained(site: Site) -> None:
    result = await site.call("POST", "/flags/site/drain", {}, status=504)
    assert result["reason"] == "the flag is not on"


async def test_orphans_are_refused_unless_accepted(site: Site) -> None:
    site.members[0].admit(request_of(), state="abandoned")
    await site.call("PATCH", "/flags/site", {"enabled": True})
    assert (await site.call("POST", "/flags/site/drain", {}, status=504))["abandoned"] == 1
    result = await site.call("POST", "/flags/site/drain", {"accept_orphans": True})
    assert (result["drained"], result["abandoned"]) == (True, 1)


async def test_a_silent_member_is_gone_only_when_told(site: Site) -> None:
    await site.members[1].freeze()
    await site.members[0].membership.look()
    site.clock.ahead += 12
    await site.members[0].membership.renew()
    await site.members[0].live.fresh()
    await site.call("PATCH", "/flags/site", {"enabled": True})
    late = await site.call("POST", "/flags/site/drain", {"timeout": 0.2}, status=504)
    assert "m2 is silent" in late["reason"]
    body = {"timeout": 5, "assume_gone": ["m2"]}
    assert (await site.call("POST", "/flags/site/drain", body))["missing"] == ["m2"]
    members = (await site.call("GET", "/status"))["members"]
    assert {each["member"]: each["state"] for each in members} == {"m1": "live", "m2": "silent"}
    assert {each["member"]: each["lease"] > 0 for each in members} == {"m1": True, "m2": False}


async def test_who_hangs_up_ends_the_drain(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "LOOK", 0.01)
    site.members[0].admit(request_of())
    await site.call("PATCH", "/flags/site", {"enabled": True})
    draining = asyncio.create_task(site.call("POST", "/flags/site/drain", {"timeout": "1h"}))
    await until_drains(site, 1)
    draining.cancel()
    await until_drains(site, 0)


async def test_a_worker_that_ends_does_not_wait_for_drains(site: Site) -> None:
    site.members[0].admit(request_of())
    await site.call("PATCH", "/flags/site", {"enabled": True})
    draining = asyncio.create_task(
        site.call("POST", "/flags/site/drain", {"timeout": "1h"}, status=503)
    )
    await until_drains(site, 1)
    await drain.end_drains(site.clients[0].app)  # type: ignore[arg-type]
    assert "ask again" in (await draining)["detail"]


@pytest.mark.parametrize(
    ("flag", "document", "status", "said"),
    [
        ("serach", {}, 404, "search"),
        ("site", {"user": "bob"}, 409, "for everybody"),
        ("reindex", {"user": ""}, 422, "user"),
        ("reindex", {"user": 5}, 422, "user"),
        ("site", {"timeout": "soon"}, 422, "timeout"),
        ("site", {"timeout": 0}, 422, "timeout"),
        ("site", {"timeout": "2h"}, 422, "an hour at most"),
        ("site", {"assume_gone": "m1"}, 422, "assume_gone"),
        ("site", {"assume_gone": [1]}, 422, "assume_gone"),
        ("site", {"accept_orphans": "yes"}, 422, "accept_orphans"),
        ("site", {"timeuot": 5}, 422, "unknown key"),
        ("site", [], 422, "object"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    site: Site, flag: str, document: Any, status: int, said: str
) -> None:
    problem = await site.call("POST", f"/flags/{flag}/drain", document, status=status)
    assert said in problem["detail"]


async def test_a_body_that_is_too_large_is_refused(site: Site) -> None:
    body = io.BytesIO(b" " * 1_200_000)
    fields = {"Content-Type": "application/json"}
    path = "/api/v1/flags/site/drain"
    response = await site.clients[0].post(path, data=body, headers=fields)
    assert response.status == 413


async def test_a_viewer_drains_guards_and_forgets_nothing(start: Any) -> None:
    stage = await start(tokens=TOKENS)
    for method, path in (
        ("POST", "/flags/site/drain"),
        ("POST", "/flags/site/guards"),
        ("PUT", "/flags/site/guards/x"),
        ("DELETE", "/flags/site/guards/x"),
        ("DELETE", "/members/m1"),
    ):
        response = await stage.client.request(
            method, f"/api/v1{path}", headers=bearer("viewer-secret")
        )
        assert response.status == 403
    response = await stage.client.get("/api/v1/guards", headers=bearer("viewer-secret"))
    assert response.status != 403


async def test_the_description_has_the_new_calls(site: Site) -> None:
    paths = (await site.call("GET", "/openapi.json"))["paths"]
    assert "504" in paths["/api/v1/flags/{flag}/drain"]["post"]["responses"]
    assert "201" in paths["/api/v1/flags/{flag}/guards"]["post"]["responses"]
    parameters = paths["/api/v1/flags/{flag}/guards/{guard}"]["put"]["parameters"]
    assert [each["name"] for each in parameters] == ["flag", "guard", "X-Actor"]
