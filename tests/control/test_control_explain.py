"""Explaining a request that nobody sent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.control import Stage


async def ask(stage: Stage, status: int = 200, /, **query: Any) -> Any:
    pairs = [
        (name, value)
        for name, values in query.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return await stage.get("/explain", status, params=pairs)


async def test_a_request_that_no_flag_holds_is_forwarded(stage: Stage) -> None:
    document = await ask(stage, url="/about")
    assert (document["flag"], document["decision"]) == (None, "forward")
    assert [verdict["flag"] for verdict in document["verdicts"]] == ["site", "search", "reindex"]
    assert not any(verdict["holds"] for verdict in document["verdicts"])
    assert document["verdicts"][0]["reason"] == "disabled"


async def test_the_flag_that_holds_is_named_with_its_reason(stage: Stage) -> None:
    await stage.patch("search", {"enabled": True})
    document = await ask(stage, url="https://www.example.com/search?q=1#top")
    assert (document["flag"], document["decision"]) == ("search", "refuse")
    assert document["reason"] == "feature"
    assert document["request"] == {
        "method": "GET",
        "host": "www.example.com",
        "target": "/search?q=1",
        "client": "",
    }


async def test_method_host_and_cookies_are_looked_at(stage: Stage) -> None:
    await stage.patch("search", {"enabled": True})
    assert (await ask(stage, url="/search", header="Host: a.example.com"))["flag"] == "search"
    assert (await ask(stage, url="/search", header="Host: example.org"))["flag"] is None
    elsewhere = await ask(stage, url="https://a.example.com/search", method="DELETE")
    assert elsewhere["flag"] is None
    document = await ask(stage, url="/x", header=["Accept: */*", "Cookie: uid=ann"])
    assert (document["flag"], document["reason"]) == ("reindex", "user_listed")


async def test_a_host_field_wins_over_the_address_as_with_curl(stage: Stage) -> None:
    document = await ask(stage, url="http://127.0.0.1:8080/", header="Host: www.example.com")
    assert document["request"]["host"] == "www.example.com"


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("/a//b/../c", "/a//b/../c"),
        ("/%2fsearch", "/%2fsearch"),
        ("//search", "//search"),
        ("/search;x=1?", "/search;x=1?"),
        ("/sé arch", "/s%C3%A9%20arch"),
        ("http://h", "/"),
        ("http://h?q", "/?q"),
        ("*", "*"),
    ],
)
async def test_the_target_is_taken_as_it_stands(stage: Stage, url: str, target: str) -> None:
    assert (await ask(stage, url=url))["request"]["target"] == target


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"url": ""},
        {"url": "www.example.com/search"},
        {"url": "ftp://h/"},
        {"url": "http://"},
        {"url": "/a\nb"},
        {"url": "/", "method": "GE T"},
        {"url": "/", "method": ""},
        {"url": "/", "header": "no colon"},
        {"url": "/", "header": "bad name: x"},
        {"url": "/", "header": "X: a\r\nY: b"},
        {"url": "/", "client": "localhost"},
    ],
)
async def test_a_question_that_makes_no_sense_is_400(stage: Stage, query: Any) -> None:
    await ask(stage, 400, **query)


async def test_the_client_s_address_is_looked_at(stage: Stage) -> None:
    assert (await ask(stage, url="/", client="2001:DB8::1"))["request"]["client"] == "2001:db8::1"
