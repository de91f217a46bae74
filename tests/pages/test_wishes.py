from __future__ import annotations

import pytest

from gateway.pages.negotiate import Media
from gateway.pages.wishes import WISHES, Wishes, read_wish

PAGE = b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "destination", "media"),
    [
        (PAGE, b"document", Media.HTML),
        (PAGE, b"iframe", Media.HTML),
        (b"*/*", b"document", Media.PLAIN),
        (PAGE, b"", Media.HTML),
        (b"*/*", b"", Media.PLAIN),
        (b"*/*", b"empty", Media.PROBLEM),
        (b"", b"empty", Media.PROBLEM),
        (b"application/json, text/plain, */*", b"empty", Media.PROBLEM),
        (b"text/plain", b"empty", Media.PLAIN),
        (b"text/html, application/xhtml+xml", b"empty", Media.HTML),
        (b"text/event-stream", b"empty", Media.PROBLEM),
        (b"*/*", b"script", Media.PLAIN),
        (PAGE, b"script", Media.PLAIN),
        (PAGE, b"style", Media.PLAIN),
        (PAGE, b"image", Media.PLAIN),
        (PAGE, b"font", Media.PLAIN),
        (PAGE, b"serviceworker", Media.PLAIN),
        (b"*/*", b"websocket", Media.PLAIN),
        (PAGE, b"something-new", Media.PLAIN),
        (PAGE, b" IMAGE\t", Media.PLAIN),
    ],
)
def test_the_destination_has_the_last_word(accept: bytes, destination: bytes, media: Media) -> None:
    assert read_wish(accept, b"de", destination).media is media


def test_a_wish_is_one_of_few_whatever_was_sent() -> None:
    fields = [(b"ACCEPT", b"text/plain;q=0.5"), (b"accept", b"text/html"), (b"Host", b"a")]
    wishes = Wishes()
    assert wishes.of(fields) is read_wish(b"text/html") is wishes.of(iter(fields))
    assert wishes.of([*fields, (b"accept-language", b"xx, de")]) in WISHES.values()


def test_what_clients_choose_is_kept_in_bounds() -> None:
    wishes = Wishes()
    for number in range(10_000):
        wishes.of([(b"Accept-Language", b"de, x-%d" % number)])
    assert len(wishes._read) <= 2_048


def test_very_long_fields_are_read_and_not_kept() -> None:
    wishes = Wishes()
    wish = wishes.of([(b"Accept", b"text/html," + b"x/y," * 10_000), (b"Accept-Language", b"ja")])
    assert (wish.media, wish.words.tag) == (Media.HTML, "ja")
    assert not wishes._read
