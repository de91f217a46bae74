from __future__ import annotations

import pytest

from gateway.pages.negotiate import Media, negotiate

PLAIN, HTML, PROBLEM = Media.PLAIN, Media.HTML, Media.PROBLEM

CHROME = (
    b"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
    b"image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
)
FIREFOX = b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        pytest.param(None, PLAIN, id="no field"),
        pytest.param(b"", PLAIN, id="empty"),
        pytest.param(b"*/*", PLAIN, id="curl"),
        pytest.param(CHROME, HTML, id="Chrome"),
        pytest.param(FIREFOX, HTML, id="Firefox"),
        pytest.param(b"image/avif,image/webp,image/*,*/*;q=0.8", PLAIN, id="an image"),
        pytest.param(b"text/css,*/*;q=0.1", PLAIN, id="a style sheet"),
        pytest.param(b"application/json, text/plain, */*", PROBLEM, id="axios"),
        pytest.param(b"application/json, text/javascript, */*; q=0.01", PROBLEM, id="jQuery"),
        pytest.param(b"text/html, text/plain, text/css, */*;q=0.01", HTML, id="lynx"),
        pytest.param(b"application/json", PROBLEM, id="JSON"),
        pytest.param(b"application/problem+json", PROBLEM, id="problem"),
        pytest.param(b"application/vnd.api+json", PROBLEM, id="a suffix"),
        pytest.param(b"application/*", PROBLEM, id="any application type"),
        pytest.param(b"text/plain", PLAIN, id="plain"),
        pytest.param(b"text/*", PLAIN, id="any text"),
        pytest.param(b"application/xhtml+xml", HTML, id="XHTML"),
    ],
)
def test_each_client_gets_what_it_reads_best(accept: bytes | None, media: Media) -> None:
    assert negotiate(accept) is media


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (b"text/html;q=0.4, application/json;q=0.5", PROBLEM),
        (b"text/html;q=0.5, application/json;q=0.4", HTML),
        (b"text/html;q=0.500,text/plain;q=0.501", PLAIN),
        (b"text/html ; level=1 ; Q=0.2 , text/plain\t;\tq=0.1", HTML),
        (b"TEXT/HTML", HTML),
        (b"text/html;q=0, */*", PLAIN),
        (b"text/plain;q=0, text/*", HTML),
        (b"text/plain;q=0, text/html;q=0, */*;q=0.1", PROBLEM),
        (b"*/*;q=0.9, text/html;q=0.2", PLAIN),
        (b"*/*, application/*;q=0.1, text/plain;q=0.2", HTML),
        (b"text/html;q=0", PLAIN),
        (b"application/json;q=0, application/hal+json", PROBLEM),
    ],
)
def test_the_highest_quality_wins_and_the_closest_range_gives_it(
    accept: bytes, media: Media
) -> None:
    assert negotiate(accept) is media


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (b"text/html, application/json", HTML),
        (b"application/json, text/html", PROBLEM),
        (b"text/plain, text/html", PLAIN),
        (b"text/html, */*", HTML),
        (b"*/*, application/json", PROBLEM),
        (b"application/*, text/*", PLAIN),
        (b"text/*, */*", PLAIN),
    ],
)
def test_ties_go_to_what_is_named_then_named_first_then_plain_text(
    accept: bytes, media: Media
) -> None:
    assert negotiate(accept) is media


@pytest.mark.parametrize(
    "accept",
    [
        b"garbage",
        b",,,;;;===",
        b"text/html;q=abc",
        b"text/html;q=2",
        b"text/html;q=-1",
        b"text/html;q=nan",
        b"text/html;q=1e0",
        b"text/html;q=0.1234",
        b"text/html;q=",
        b"*/html",
        b"\xff\xfe\x00",
        b"application/+json",
        b"image/png",
        b"a" * 100_000,
        b"," * 100_000,
    ],
)
def test_what_cannot_be_read_gets_plain_text(accept: bytes) -> None:
    assert negotiate(accept) is PLAIN


def test_one_malformed_range_does_not_spoil_the_others() -> None:
    assert negotiate(b"text/plain;q=oops, ,text/html") is HTML
