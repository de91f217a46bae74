"""Pages of ``page.url``: fetched behind everybody's back, kept, and never anything but a page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gateway.state import fetched_pages
from gateway.state.fetched_pages import MOST_BYTES, FetchedPages, Unusable, fetch
from tests.support.wire import within


class Site:
    """Where pages come from: what it answers is what the test says."""

    def __init__(self) -> None:
        self.answer: web.Response | None = web.Response(
            text="<h1>Closed</h1>", content_type="text/html"
        )
        self.asked = 0
        self.url = ""

    async def show(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        left = int(request.query.get("redirects", 0))
        if left:
            raise web.HTTPFound(f"/?redirects={left - 1}")
        if self.answer is None:
            raise web.HTTPNotFound
        return self.answer.__class__(
            body=self.answer.body, status=self.answer.status, headers=self.answer.headers
        )


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_route("GET", "/", site.show)
    async with TestServer(app, host="127.0.0.1") as server:
        site.url = str(server.make_url("/"))
        yield site


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_a_page_comes_as_text_whatever_it_is_encoded_in(site: Site, session: Any) -> None:
    site.answer = web.Response(
        body="für".encode("latin-1"), headers={"Content-Type": "text/html; charset=latin-1"}
    )
    assert await fetch(session, site.url) == "für"


@pytest.mark.parametrize(
    "answer",
    [
        web.Response(status=503, text="<h1>Down</h1>", content_type="text/html"),
        web.Response(text="{}", content_type="application/json"),
        web.Response(body=b"<" * (MOST_BYTES + 1), content_type="text/html"),
        web.Response(text="  \n", content_type="text/html"),
        web.Response(body=b"x", headers={"Content-Type": "text/html; charset=tlh"}),
        web.Response(body=b"\xff\xfe", headers={"Content-Type": "text/html; charset=utf-8"}),
    ],
    ids=["an error", "no HTML", "too large", "empty", "unknown encoding", "wrongly encoded"],
)
async def test_what_is_no_page_is_not_taken_for_one(
    site: Site, session: Any, answer: web.Response
) -> None:
    site.answer = answer
    with pytest.raises((Unusable, ValueError)):
        await fetch(session, site.url)


async def test_redirects_are_followed_a_few_times(site: Site, session: Any) -> None:
    assert await fetch(session, f"{site.url}?redirects=2") == "<h1>Closed</h1>"
    with pytest.raises(aiohttp.TooManyRedirects):
        await fetch(session, f"{site.url}?redirects=9")


async def test_the_last_good_copy_stays_and_the_log_says_so_once(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fetched_pages, "PERIOD", 0.01)
    monkeypatch.setattr(fetched_pages, "RETRY", 0.01)
    told: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    url = f"{site.url}?key=secret"
    pages = FetchedPages(lambda: frozenset({url}), lambda copies: told.put_nowait(dict(copies)))
    assert [(page.text, page.error) for page in pages.pages] == [(None, None)]
    running = asyncio.create_task(pages.run())
    try:
        assert await within(told.get(), "a copy") == {url: "<h1>Closed</h1>"}
        site.answer = None
        await failing(pages, told)
        await within(told.get(), "another try")
        assert await within(told.get(), "the copy") == {url: "<h1>Closed</h1>"}
    finally:
        running.cancel()
    (page,) = pages.pages
    assert page.at is not None
    assert page.error == "it answered 404"
    assert page.shown_url == site.url
    (record,) = caplog.records
    assert "it answered 404" in record.getMessage()
    assert "secret" not in record.getMessage()


async def test_an_edit_is_followed_at_once(site: Site) -> None:
    wanted: set[str] = set()
    told: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    pages = FetchedPages(lambda: frozenset(wanted), lambda copies: told.put_nowait(dict(copies)))
    running = asyncio.create_task(pages.run())
    try:
        assert await within(told.get(), "nothing to fetch") == {}
        pages.edited()  # another edit
        wanted.add(site.url)
        pages.edited()
        assert await within(told.get(), "the page") == {site.url: "<h1>Closed</h1>"}
        wanted.clear()
        pages.edited()
        assert await within(told.get(), "no page") == {}
    finally:
        running.cancel()
    assert site.asked == 1


async def failing(pages: FetchedPages, told: asyncio.Queue[dict[str, str]]) -> None:
    """Until a try has failed."""
    while pages.pages[0].error is None:
        await within(told.get(), "another try")
