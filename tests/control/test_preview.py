"""What a visitor would read, shown to whoever looks after the page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.control import Stage, bearer

PREVIEW = "/api/v1/flags/search/preview"


async def shown(stage: Stage, **query: str) -> tuple[Any, str]:
    response = await stage.client.get(PREVIEW, params=query)
    assert response.status == 200
    return response, await response.text()


async def test_a_frame_gets_the_page_whether_the_flag_is_on_or_not(stage: Stage) -> None:
    response, text = await shown(stage, accept="text/html")

    assert response.content_type == "text/html"
    assert response.headers["X-Preview-Status"] == "503"
    assert "Search is being rebuilt." in text
    assert "X-Maintenance" not in response.headers


async def test_it_is_a_picture_that_runs_nothing_and_no_other_site_frames(stage: Stage) -> None:
    response, _ = await shown(stage, accept="text/html")

    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'; ")
    assert "script-src" not in policy
    assert policy.endswith("frame-ancestors 'self'")
    assert response.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert response.headers["Cache-Control"] == "no-store"


async def test_the_form_and_the_language_are_asked_for_by_parameter_or_field(stage: Stage) -> None:
    _, text = await shown(stage, accept="application/json")
    assert json.loads(text)["flag"] == "search"

    fields = {"Accept": "application/json", "Accept-Language": "de"}
    response = await stage.client.get(PREVIEW, headers=fields)
    assert (response.content_type, response.headers["Content-Language"]) == (
        "application/problem+json",
        "de",
    )
    response = await stage.client.get(PREVIEW, headers=fields, params={"lang": "en"})
    assert response.headers["Content-Language"] == "en"


async def test_a_refused_form_is_shown_as_one(stage: Stage) -> None:
    assert "not passed on" in (await shown(stage, accept="text/html", method="POST"))[1]
    assert "not passed on" not in (await shown(stage, accept="text/html"))[1]


@pytest.mark.parametrize("query", [{"accept": "é"}, {"lang": "x" * 1001}, {"method": "NO GO"}])
async def test_what_is_no_field_or_method_is_400(stage: Stage, query: dict[str, str]) -> None:
    await stage.get("/flags/search/preview", 400, params=query)


async def test_a_viewer_may_look_and_a_stranger_may_not(guarded: Stage) -> None:
    assert (await guarded.client.get(PREVIEW)).status == 401
    response = await guarded.client.get(PREVIEW, headers=bearer("viewer-secret"))
    assert response.status == 200
    await guarded.get("/flags/serach/preview", 404, headers=bearer("viewer-secret"))
