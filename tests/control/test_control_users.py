"""Users of a per-user flag."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

from tests.support.control import Stage


def address(segment: str) -> URL:
    return URL(f"/api/v1/flags/reindex/users/{segment}", encoded=True)


async def call(stage: Stage, method: str, segment: str, status: int = 200, **more: Any) -> Any:
    return await stage.json(await stage.client.request(method, address(segment), **more), status)


async def test_putting_a_user_twice_is_the_same_as_once(stage: Stage) -> None:
    first = await call(stage, "PUT", "bob")
    again = await call(stage, "PUT", "bob")
    assert first["users"] == again["users"] == ["ann", "bob"]
    assert again["revision"] == first["revision"]


async def test_deleting_a_user_who_is_not_held_is_no_error(stage: Stage) -> None:
    assert (await call(stage, "DELETE", "nobody"))["users"] == ["ann"]
    assert (await call(stage, "DELETE", "ann"))["users"] == []
    assert (await call(stage, "DELETE", "ann"))["users"] == []


@pytest.mark.parametrize(
    "user", ["a/b", "a%2Fb", "zoë", "日本", "a b", "a+b", "{x}", "a?b#c", "%", "ann@example.com"]
)
async def test_a_user_is_percent_decoded_exactly_once(stage: Stage, user: str) -> None:
    document = await call(stage, "PUT", quote(user, safe=""))
    assert document["users"] == ["ann", user]
    document = await call(stage, "DELETE", quote(user, safe=""))
    assert document["users"] == ["ann"]


@pytest.mark.parametrize("segment", ["%FF", "%C3"])
async def test_a_user_that_is_not_utf_8_is_400(stage: Stage, segment: str) -> None:
    await call(stage, "PUT", segment, 400)


@pytest.mark.parametrize("segment", ["a" * 513, "a%00b", "a%0Ab"])
async def test_a_user_too_long_or_with_controls_is_422(stage: Stage, segment: str) -> None:
    await call(stage, "PUT", segment, 422)


async def test_a_user_already_held_is_lifted_after_a_while(stage: Stage) -> None:
    body = {"add": ["ann"], "for": "2s"}
    document = await stage.json(await stage.client.post("/api/v1/flags/reindex/users", json=body))
    assert document["users"] == ["ann"]
    assert document["until"] is not None


@pytest.mark.parametrize(
    "body", [{"add": ["bob"], "for": 0}, {"remove": ["ann"], "for": "2s"}, {"add": [], "for": "x"}]
)
async def test_a_while_that_cannot_be_is_422(stage: Stage, body: dict[str, object]) -> None:
    response = await stage.client.post("/api/v1/flags/reindex/users", json=body)
    await stage.json(response, 422)


async def test_many_users_are_added_and_removed_in_one_change(stage: Stage) -> None:
    body = {"add": ["bob", "eve", "bob"], "remove": ["ann", "nobody"], "reason": "batch 2"}
    response = await stage.client.post("/api/v1/flags/reindex/users", json=body)
    document = await stage.json(response)
    assert document["users"] == ["bob", "eve"]
    assert document["reason"] == "batch 2"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, ""),
        ({"add": []}, ""),
        ([], ""),
        ({"add": "bob"}, "add"),
        ({"add": ["x", 1]}, "add[1]"),
        ({"remove": [""]}, "remove[0]"),
        ({"add": ["bob"], "remove": ["bob"]}, "remove"),
        ({"users": ["bob"]}, "users"),
        ({"add": ["bob"], "reason": 5}, "reason"),
    ],
)
async def test_a_list_of_users_that_is_not_valid_is_422(
    stage: Stage, body: object, path: str
) -> None:
    response = await stage.client.post("/api/v1/flags/reindex/users", json=body)
    document = await stage.json(response, 422)
    assert [error["path"] for error in document["errors"]] == [path]


async def test_a_form_cannot_add_users(stage: Stage) -> None:
    response = await stage.client.post("/api/v1/flags/reindex/users", data={"add": "bob"})
    await stage.json(response, 415)


async def test_a_flag_without_users_is_409(stage: Stage) -> None:
    response = await stage.client.put("/api/v1/flags/site/users/bob")
    document = await stage.json(response, 409)
    assert '"user"' in document["detail"]


async def test_a_user_of_an_unknown_flag_is_404(stage: Stage) -> None:
    await stage.json(await stage.client.put("/api/v1/flags/nope/users/bob"), 404)


async def test_users_change_only_at_the_revision_named(stage: Stage) -> None:
    await call(stage, "PUT", "bob", 412, headers={"If-Match": '"999"'})
    assert (await stage.get("/flags/reindex"))["users"] == ["ann"]


async def test_why_a_user_is_held_comes_by_query_or_body(stage: Stage) -> None:
    assert (await call(stage, "PUT", "bob?reason=index%201"))["reason"] == "index 1"
    document = await call(stage, "DELETE", "bob", json={"reason": "index 1 done"})
    assert document["reason"] == "index 1 done"
