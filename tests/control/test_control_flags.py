"""Showing and flipping flags."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.stores.base import StoreError
from tests.support.control import NOW, Stage

FIELDS = {
    "flag", "kind", "mode", "enabled", "on", "users", "rollout", "ttl", "scope", "window", "from",
    "since", "by", "reason", "in_flight", "held", "description", "strict", "notice", "strip",
    "source", "identity", "page", "yaml", "override", "until", "max",
    "bypass",
}  # fmt: skip


async def test_flags_are_listed_in_the_order_written(stage: Stage) -> None:
    document = await stage.get("/flags")
    assert [flag["flag"] for flag in document["flags"]] == ["site", "search", "reindex"]
    assert [flag["kind"] for flag in document["flags"]] == ["site", "feature", "user"]
    assert document["revision"] == stage.state.snapshot.revision


async def test_a_flag_has_every_documented_field(stage: Stage) -> None:
    stage.flying["search"] = 3
    stage.waiting["search"] = 2
    document = await stage.get("/flags/search")
    assert FIELDS | {"revision"} == set(document)
    assert document["scope"] == {
        "hosts": ["*.example.com"],
        "paths": ["/search"],
        "methods": ["GET", "POST"],
    }
    assert document["enabled"] is False
    assert document["window"] is None
    assert document["from"] == "yaml"
    assert document["since"] is document["by"] is document["override"] is None
    assert (document["in_flight"], document["held"]) == (3, 2)
    assert document["ttl"] == 300
    assert document["page"] == {
        "title": None,
        "message": "Search is being rebuilt.",
        "retry_after": 600,
    }


async def test_a_per_user_flag_shows_where_the_user_is_found(stage: Stage) -> None:
    document = await stage.get("/flags/reindex")
    assert document["identity"] == {"sources": [{"cookie": "uid"}], "missing": "forward"}
    assert document["users"] == ["ann"]
    assert document["strict"] is True


async def test_an_armed_flag_is_on_while_it_lists_somebody(stage: Stage) -> None:
    document = await stage.get("/flags/reindex")
    assert (document["enabled"], document["on"]) == (True, True)
    document = await stage.patch("reindex", {"users": []})
    assert (document["enabled"], document["on"]) == (True, False)
    assert (await stage.patch("reindex", {"rollout": 1}))["on"] is True


async def test_an_unknown_flag_is_404_and_names_the_one_meant(stage: Stage) -> None:
    document = await stage.get("/flags/serach", 404)
    assert document["did_you_mean"] == ["search"]
    assert 'Did you mean "search"?' in document["detail"]


async def test_a_flip_shows_beside_what_the_yaml_says(stage: Stage) -> None:
    before = stage.state.snapshot.revision
    document = await stage.patch("site", {"enabled": True, "reason": "moving hosts"})
    assert document["enabled"] is True
    assert document["yaml"]["enabled"] is False
    assert document["from"] == "override"
    assert document["by"] == "local"
    assert document["reason"] == "moving hosts"
    assert document["since"] == "2030-03-17T17:46:40.000Z"
    assert document["until"] is None
    assert document["override"] == {"enabled": True}
    assert document["revision"] > before
    assert stage.state.snapshot.view("site").state.enabled is True


async def test_a_flip_for_a_while_says_until_when(stage: Stage) -> None:
    document = await stage.patch("site", {"enabled": True, "for": "30m"})
    assert document["until"] == "2030-03-17T18:16:40.000Z"


async def test_a_merge_patch_is_taken_under_its_own_media_type(stage: Stage) -> None:
    response = await stage.client.patch(
        "/api/v1/flags/search",
        data=json.dumps({"page": {"message": "Back at noon."}, "ttl": 0}),
        headers={"Content-Type": "application/merge-patch+json"},
    )
    document = await stage.json(response)
    assert document["page"]["message"] == "Back at noon."
    assert document["page"]["retry_after"] == 600
    assert document["ttl"] == 0


async def test_null_takes_a_key_back_to_the_yaml(stage: Stage) -> None:
    await stage.patch("search", {"ttl": 0, "enabled": True})
    document = await stage.patch("search", {"ttl": None})
    assert document["ttl"] == 300
    assert document["enabled"] is True


async def test_dropping_the_override_goes_back_to_the_yaml(stage: Stage) -> None:
    await stage.patch("site", {"enabled": True})
    response = await stage.client.delete("/api/v1/flags/site/override", params={"reason": "done"})
    document = await stage.json(response)
    assert document["enabled"] is False
    assert document["from"] == "yaml"
    entries = (await stage.get("/audit"))["entries"]
    assert (entries[0]["action"], entries[0]["reason"]) == ("reset", "done")


@pytest.mark.parametrize(
    ("document", "paths"),
    [
        ([], [""]),
        ("on", [""]),
        ({"enabled": "yes"}, ["enabled"]),
        ({"enable": True}, ["enable"]),
        ({"rollout": 101, "ttl": -1}, ["rollout", "ttl"]),
        ({"mode": "greyscale"}, ["mode"]),
        ({"mode": "anonymous"}, ["mode"]),
        ({"users": ["a", 1]}, ["users[1]"]),
        ({"window": {}}, ["window"]),
        ({"page": {"message": 5}}, ["page.message"]),
    ],
)
async def test_a_document_that_is_not_valid_is_422_with_every_error(
    stage: Stage, document: object, paths: list[str]
) -> None:
    before = stage.state.snapshot.revision
    answer = await stage.patch("site", document, 422)
    assert [error["path"] for error in answer["errors"]] == paths
    assert all(error["message"] for error in answer["errors"])
    assert stage.state.snapshot.revision == before


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'enabled': true}",
        b'{"rollout": NaN}',
        b'{"rollout": -Infinity}',
        b'{"rollout": 1e999}',
        b'{"enabled": true, "enabled": false}',
        b'{"reason": "\xff"}',
        b'{"reason": "\\ud800"}',
        b"[" * 100_000,
        b"\x00\x01\x02",
    ],
)
async def test_a_body_that_is_not_json_is_400(stage: Stage, body: bytes) -> None:
    response = await stage.client.patch(
        "/api/v1/flags/site", data=body, headers={"Content-Type": "application/json"}
    )
    answer = await stage.json(response, 400)
    assert "not JSON" in answer["detail"]


async def test_retry_after_is_what_a_refusal_says(stage: Stage) -> None:
    assert (await stage.get("/flags/site"))["page"]["retry_after"] == 300
    settings = stage.state.settings
    stage.state.settings = replace(settings, page=replace(settings.page, retry_after=60))
    document = await stage.get("/flags/site")
    assert document["page"]["retry_after"] == 60
    assert document["yaml"]["page"]["retry_after"] is None
    flags = (await stage.get("/flags"))["flags"]
    assert [flag["page"]["retry_after"] for flag in flags] == [60, 600, 60]


async def test_the_audit_tells_every_time_as_the_flag_does(stage: Stage) -> None:
    document = await stage.patch("site", {"enabled": True, "for": "30m"})
    (entry, *_) = (await stage.get("/audit"))["entries"]
    assert entry["changes"]["until"] == document["until"] == "2030-03-17T18:16:40.000Z"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
async def test_a_patch_may_call_its_body_what_it_likes(stage: Stage, kind: str | None) -> None:
    response = await stage.client.patch(
        "/api/v1/flags/site",
        data=b'{"enabled": true}',
        headers={"Content-Type": kind} if kind else {},
        skip_auto_headers=["Content-Type"],
    )
    assert (await stage.json(response))["enabled"] is True
    form = {"enabled": "true"}
    await stage.json(await stage.client.patch("/api/v1/flags/site", data=form), 400)


async def test_an_encoded_body_is_415(stage: Stage) -> None:
    response = await stage.client.patch(
        "/api/v1/flags/site",
        data=b"\x1f\x8b",
        headers={"Content-Type": "application/json", "Content-Encoding": "gzip"},
    )
    await stage.json(response, 415)
    assert response.headers["Accept-Encoding"] == "identity"


async def test_a_body_over_a_mebibyte_is_413(stage: Stage) -> None:
    response = await stage.client.patch(
        "/api/v1/flags/site",
        data=io.BytesIO(b" " * (1024 * 1024 + 1)),
        headers={"Content-Type": "application/json"},
    )
    await stage.json(response, 413)


@pytest.mark.parametrize("tag", ['"{}"', 'W/"{}"', "{}", "*", '"0", "{}"'])
async def test_if_match_with_the_revision_lets_a_flip_through(stage: Stage, tag: str) -> None:
    headers = {"If-Match": tag.format(stage.state.snapshot.revision)}
    document = await stage.patch("site", {"enabled": True}, headers=headers)
    assert document["enabled"] is True


@pytest.mark.parametrize("tag", ['"999"', '"x"', '""', '"99999999999999999999999999"'])
async def test_if_match_with_another_revision_is_412_with_the_one_that_holds(
    stage: Stage, tag: str
) -> None:
    response = await stage.client.patch(
        "/api/v1/flags/site", json={"enabled": True}, headers={"If-Match": tag}
    )
    answer = await stage.json(response, 412)
    assert answer["revision"] == stage.state.snapshot.revision
    assert response.headers["ETag"] == f'"{stage.state.snapshot.revision}"'
    assert stage.state.snapshot.view("site").state.enabled is False


async def test_if_match_that_is_no_tag_is_400(stage: Stage) -> None:
    await stage.patch("site", {"enabled": True}, 400, headers={"If-Match": "latest"})


async def test_two_flips_of_one_revision_cannot_both_succeed(stage: Stage) -> None:
    headers = {"If-Match": (await stage.client.get("/api/v1/flags/site")).headers["ETag"]}
    await stage.patch("site", {"enabled": True}, headers=headers)
    await stage.patch("site", {"ttl": 0}, 412, headers=headers)


@pytest.mark.parametrize("path", ["/flags", "/flags/site", "/status"])
async def test_answers_carry_the_revision_as_their_tag(stage: Stage, path: str) -> None:
    response = await stage.client.get(f"/api/v1{path}")
    assert response.headers["ETag"] == f'"{stage.state.snapshot.revision}"'


async def test_a_store_that_fails_is_503_and_changes_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise StoreError("disk I/O error")

    monkeypatch.setattr(stage.store, "update", fail)
    response = await stage.client.patch("/api/v1/flags/site", json={"enabled": True})
    answer = await stage.json(response, 503)
    assert "nothing was changed" in answer["detail"]
    assert "Retry-After" in response.headers
    assert (await stage.get("/flags/site"))["enabled"] is False


async def test_who_is_said_to_flip_stands_beside_the_token_s_name(stage: Stage) -> None:
    headers = {"X-Actor": "ann@laptop"}
    document = await stage.patch("site", {"enabled": True}, headers=headers)
    assert document["by"] == "local (ann@laptop)"


async def test_an_actor_that_does_not_fit_a_line_is_400(stage: Stage) -> None:
    await stage.patch("site", {"enabled": True}, 400, headers={"X-Actor": "a" * 101})


def test_the_clock_of_these_tests_is_the_moment_they_name() -> None:
    assert NOW == 1_900_000_000


async def test_more_flips_for_a_while_than_may_overlap_are_refused(stage: Stage) -> None:
    for ttl in range(1, 17):
        await stage.patch("site", {"ttl": ttl, "for": 1000 - ttl})
    revision = stage.state.snapshot.revision
    refused = await stage.patch("site", {"ttl": 99, "for": 5}, 422)
    assert refused["errors"][0]["path"] == "for"
    assert "16 flips of this flag are to be undone already" in refused["detail"]
    assert stage.state.snapshot.revision == revision
    assert (await stage.patch("site", {"enabled": True}))["enabled"] is True
