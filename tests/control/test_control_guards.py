"""Guards and members through the API, on two workers of one gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.members_control import Site, request_of, site_of_members

DOCS = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with site_of_members(2) as site:
        yield site


async def acquire(
    site: Site, owner: str, flag: str = "site", *, status: int = 201, by: int = 0, **more: Any
) -> Any:
    document = {"owner": owner, **more}
    return await site.call("POST", f"/flags/{flag}/guards", document, status=status, by=by)


async def age(site: Site, seconds: float = 17) -> None:
    """Lets guards fall silent, as both workers see it, and the members beat."""
    for number in range(2):
        await site.call("GET", "/guards", by=number)
    site.clock.ahead += seconds
    for each in site.members:
        await each.membership.renew()


async def test_a_guard_is_granted_and_shown_on_every_worker(site: Site) -> None:
    granted = await acquire(site, "a1", command="./move.sh", host="web1")
    assert (granted["id"], granted["by"], granted["abandoned"]) == ("a1", "local", False)
    assert granted["since"].endswith("Z")
    listed = (await site.call("GET", "/guards", by=1))["guards"]
    assert [(each["flag"], each["user"], each["command"]) for each in listed] == [
        ("site", None, "./move.sh")
    ]
    assert (await site.call("GET", "/status", by=1))["guards"] == listed


async def test_every_field_of_a_guard_is_documented(site: Site) -> None:
    granted = await acquire(site, "a1", command="x", host="h", before={"ttl": 5})
    assert [name for name in granted if f"`{name}`" not in DOCS] == []


async def test_a_second_guard_is_refused_with_who_has_the_first(site: Site) -> None:
    await acquire(site, "a1", command="./move.sh")
    problem = await acquire(site, "b2", status=409, by=1)
    assert problem["guard"]["command"] == "./move.sh"
    assert '"site" is guarded by local since 20' in problem["detail"]


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [
        ({"user": "bob"}, {"user": "bob"}, 409),
        ({"user": "bob"}, {"user": "carol"}, 201),
        ({}, {"user": "bob"}, 409),
        ({"user": "bob"}, {}, 409),
    ],
)
async def test_a_flag_and_its_users_exclude_each_other(
    site: Site, first: dict[str, str], second: dict[str, str], status: int
) -> None:
    await acquire(site, "a1", "reindex", **first)
    await acquire(site, "b2", "reindex", status=status, by=1, **second)


async def test_of_many_that_come_at_once_one_at_most_is_granted(site: Site) -> None:
    async def one(number: int) -> int:
        user = {"user": "bob"} if number % 2 else {}
        document = {"owner": f"o{number}", **user}
        response = await site.clients[number % 2].post(
            "/api/v1/flags/reindex/guards", json=document
        )
        return response.status

    statuses = await asyncio.gather(*map(one, range(10)))
    assert set(statuses) <= {201, 409}
    assert statuses.count(201) <= 1
    assert len((await site.call("GET", "/guards"))["guards"]) == statuses.count(201)


async def test_a_heartbeat_carries_news(site: Site) -> None:
    await acquire(site, "a1", "reindex")
    news = {"state": "guarding", "progress": {"done": 3, "of": 10}, "before": {"ttl": None}}
    told = await site.call("PUT", "/flags/reindex/guards/a1", news, by=1)
    assert told["progress"] == {"done": 3, "of": 10}
    await site.call("PUT", "/flags/reindex/guards/a1")
    assert (await site.call("GET", "/guards"))["guards"][0]["state"] == "guarding"


async def test_a_guard_of_another_flag_is_none_of_this_one_s(site: Site) -> None:
    await acquire(site, "a1")
    await site.call("PUT", "/flags/search/guards/a1", {}, status=404)
    await site.call("DELETE", "/flags/search/guards/a1", status=404)
    await site.call("PUT", "/flags/site/guards/other", {}, status=404)


async def test_a_released_guard_is_free_for_the_next(site: Site) -> None:
    await acquire(site, "a1")
    await site.call("DELETE", "/flags/site/guards/a1", by=1)
    await acquire(site, "b2")


async def test_a_guard_without_a_heartbeat_is_abandoned_and_not_lifted(site: Site) -> None:
    await site.call("PATCH", "/flags/site", {"enabled": True})
    await acquire(site, "a1", before={"ttl": 60, "enabled": None, "was_on": False})
    await age(site)
    assert (await site.call("GET", "/guards"))["guards"][0]["abandoned"] is True
    assert (await site.call("GET", "/flags/site"))["enabled"] is True
    problem = await acquire(site, "b2", status=409)
    assert "abandoned: make sure that its command has ended" in problem["detail"]
    granted = await acquire(site, "b2", take_over=True)
    assert granted["before"] == {"ttl": 60, "enabled": None, "was_on": False}
    await site.call("PUT", "/flags/site/guards/a1", {}, status=404)


async def test_a_living_guard_is_not_taken_over(site: Site) -> None:
    await acquire(site, "a1")
    await acquire(site, "b2", take_over=True, status=409)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"owner": ""},
        {"owner": "a b"},
        {"owner": "a/b"},
        {"owner": "x" * 201},
        {"owner": 5},
        {"owner": "a", "command": 5},
        {"owner": "a", "command": "x" * 1001},
        {"owner": "a", "take_over": "yes"},
        {"owner": "a", "before": {"users": []}},
        {"owner": "a", "before": {"was_on": "x"}},
        {"owner": "a", "nonsense": 1},
    ],
)
async def test_a_guard_that_makes_no_sense_is_refused(site: Site, document: Any) -> None:
    await site.call("POST", "/flags/site/guards", document, status=422)
    assert (await site.call("GET", "/guards"))["guards"] == []


@pytest.mark.parametrize(
    "news",
    [
        {"state": "asleep"},
        {"progress": 5},
        {"progress": {"done": 1}},
        {"progress": {"done": True, "of": 2}},
        {"owner": "b"},
    ],
)
async def test_news_that_make_no_sense_are_refused(site: Site, news: Any) -> None:
    await acquire(site, "a1")
    await site.call("PUT", "/flags/site/guards/a1", news, status=422)


async def test_a_user_of_a_flag_for_everybody_cannot_be_guarded(site: Site) -> None:
    await acquire(site, "a1", user="bob", status=409)


# Members


async def test_status_shows_all_members_and_more_of_its_own(site: Site) -> None:
    site.members[1].admit(request_of())
    await site.members[1].membership.renew()
    members = (await site.call("GET", "/status"))["members"]
    assert [(each["member"], each["state"], each["in_flight"]) for each in members] == [
        ("m1", "live", 0),
        ("m2", "live", 1),
    ]
    assert members[0]["connections"] == 3
    assert all(isinstance(each["revision"], int) for each in members)


async def test_a_member_that_is_here_is_not_forgotten(site: Site) -> None:
    problem = await site.call("DELETE", "/members/m2", status=409)
    assert "it beats" in problem["detail"]
    await site.call("DELETE", "/members/m3", status=404)


async def test_a_silent_member_is_forgotten_at_the_operator_s_word(site: Site) -> None:
    await site.members[1].freeze()
    await site.members[0].membership.look()
    site.clock.ahead += 12
    await site.members[0].membership.renew()
    await site.call("DELETE", "/members/m2?reason=host+is+off")
    members = (await site.call("GET", "/status"))["members"]
    assert [each["member"] for each in members] == ["m1"]
    entry = (await site.call("GET", "/audit"))["entries"][0]
    assert (entry["action"], entry["reason"]) == ("forget", "member m2 is gone: host is off")


async def test_without_members_the_calls_say_so(stage: Any) -> None:
    await stage.get("/guards", 503)
    response = await stage.client.post("/api/v1/flags/site/drain", json={})
    await stage.json(response, 503)


async def audited(site: Site, action: str) -> list[dict[str, Any]]:
    """The changes of all entries of an action, oldest first."""
    entries = (await site.call("GET", "/audit"))["entries"][::-1]
    return [each["changes"] for each in entries if each["action"] == action]


@pytest.mark.parametrize(
    ("end", "state"),
    [
        ({"status": 0, "left_on": False}, "finished"),
        ({"status": 3, "left_on": True, "message": "./x exited with 3"}, "failed"),
        ({"status": 0, "left_on": True}, "failed"),
        ({"status": 68}, "failed"),
        ({"progress": {"done": 1, "of": 2}}, "released"),
        (None, "released"),
    ],
)
async def test_how_a_guard_began_and_ended_is_in_the_audit(
    site: Site, end: dict[str, Any] | None, state: str
) -> None:
    await acquire(site, "a1", command="./x", host="web1")
    await site.call("DELETE", "/flags/site/guards/a1", end, by=1)
    began, ended = await audited(site, "guard")
    about = {"guard": "a1", "host": "web1", "command": "./x"}
    assert began == {**about, "state": "started"}
    told = dict(end or {})
    told |= told.pop("progress", {})
    assert ended.pop("took") >= 0
    assert ended == {**about, "state": state, **told}


@pytest.mark.parametrize(
    "end", [{"status": -1}, {"status": "x"}, {"left_on": 1}, {"message": 3}, {"colour": "red"}]
)
async def test_an_end_that_makes_no_sense_is_422_and_the_guard_stays(
    site: Site, end: dict[str, Any]
) -> None:
    await acquire(site, "a1")
    await site.call("DELETE", "/flags/site/guards/a1", end, status=422)
    assert len((await site.call("GET", "/guards"))["guards"]) == 1


async def test_what_a_guard_flips_is_marked_and_nobody_else_can_pass_for_it(site: Site) -> None:
    await acquire(site, "a1")
    await acquire(site, "u1", "reindex", user="bob")
    client = site.clients[1]
    for owner in ("a1", "a2", "u1"):
        await client.patch(
            "/api/v1/flags/site",
            json={"ttl": len(owner) + ord(owner[1])},
            headers={"X-Guard": owner},
        )
    await client.put("/api/v1/flags/reindex/users/bob", headers={"X-Guard": "u1"})
    assert [each.get("guard") for each in await audited(site, "flip")] == ["a1", None, None]
    assert [each.get("guard") for each in await audited(site, "users")] == ["u1"]
