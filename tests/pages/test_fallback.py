from __future__ import annotations

from gateway.pages.content import Content
from gateway.pages.fallback import fallback


def test_the_last_page_says_the_same_words_escaped() -> None:
    page = fallback(Content(503, "<b>Closed</b>", "a & b", 600, flag="site"))

    assert page.startswith("<!doctype html>")
    assert ">&lt;b&gt;Closed&lt;/b&gt;</h1>" in page
    assert ">a &amp; b</p>" in page
    assert "in about 10 minutes" in page
    assert "not passed on" not in page


def test_braces_in_words_stay_braces() -> None:
    assert "{title}{0}" in fallback(Content(400, "x", "{title}{0}"))


def test_the_last_page_tells_who_sent_something() -> None:
    assert "not passed on" in fallback(Content(503, "x", "y", repeatable=False))
