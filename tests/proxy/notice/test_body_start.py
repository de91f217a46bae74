"""Where a page's body starts, as a browser would say, however the page comes in."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.proxy.notice.body_start import MOST, BodyStart, Outcome

MARK = b"[!]"
# "[!]" stands where the mark is to be.
SHOWN = [
    b"<body>[!]",
    b"<!doctype html><html><head><title>x</title></head><body class='a>b' id=\"c>d\">[!]<p>",
    b"\xef\xbb\xbf<!DOCTYPE HTML PUBLIC \"a\" 'b'>\r\n<HTML><HEAD></HEAD>\n<BODY\n x=y()>[!]hi",
    b"<html><script>a='<body>'</script><style>/*<body>*/</style><!-- <body> --><body>[!]",
    b"<html><title><body></titlex></title><noscript><body></noscript><body>[!]",
    b"<!--[if IE]><html class='ie'><![endif]--><html><!--><body>[!]1",
    b"<html><!---><body>[!]1",
    b"<html><!--!><body>--><body>[!]2",
    b"<html><!----><body>[!]",
    b"<html><!-----><body>[!]",
    b"<html><!-- - -- > --!><body>[!]",
    b"<html><script><!-- <script> </script> <body> --></script><body>[!]y",
    b"<html><script><!--></script><body>[!]y",
    b"<html><script><!-- <script></script><body></script><body>[!]z",
    b"<html><template><template><body></template>5<6<script>'</template>'</script></template>[!]z",
    b"<html></foo></ x></><body a=b/>[!]",
    b"<html><body a='1' b=\"2\" c = '>' d=>[!]e",
    b'<html><body a"b>[!]c',
    b'<html><body =">[!]x>y',
    b"<html></>\n<?php x ?><body >[!]z",
    b"<html><base href=//a><link rel=x href='<body>'><meta charset=utf-8>[!]<main>",
    b"<!doctype html><title>x</title>[!]<p>hi",
    b"<!doctype html>\n[!]hello",
    b"<html><head></head>[!]</html>",
    b"<html>[!]</br>",
    b"<html>[!]<5",
    b"<html>[!]<svg><body>",
    b"<html><head>[!]\xc3\xa9",
    b"<html><!--" + b"x" * 200_000 + b"--><body " + b"x" * 40_000 + b">[!]",
]
LEFT_ALONE = [
    (b"", Outcome.NO_BODY),
    (b"<", Outcome.NO_BODY),
    (b"<!doctype html><html", Outcome.NO_BODY),
    (b"<html><frameset><body>", Outcome.NO_BODY),
    (b"<html><title>never ended", Outcome.NO_BODY),
    (b"<p>a piece</p>", Outcome.NO_DOCUMENT),
    (b"<script>1</script><p>a piece</p><html><body>", Outcome.NO_DOCUMENT),
    (b'{"html": "<html><body>"}', Outcome.NO_DOCUMENT),
    (b"\x1f\x8b\x08\x00<html>", Outcome.NO_DOCUMENT),
    ("<html><body>".encode("utf-16"), Outcome.NO_DOCUMENT),
    (b"<html><title>\x1b$B</title><body>", Outcome.OTHER_CHARSET),
    (b"<html><title>\0</title><body>", Outcome.OTHER_CHARSET),
    (b"<html><!--" + b"x" * MOST + b"--><body>", Outcome.TOO_LONG),
    (b"<html><a " + b"x" * MOST + b"><body>", Outcome.TOO_LONG),
]


def through(page: bytes, cuts: list[int]) -> tuple[bytes, Outcome | None]:
    """The page as it goes on when it comes cut at these places."""
    start = BodyStart(MARK)
    edges = [0, *sorted(cuts), len(page)]
    pieces = [start.feed(page[a:b]) for a, b in pairwise(edges)]
    return b"".join(pieces) + start.finish(), start.outcome


@pytest.mark.parametrize("expected", SHOWN, ids=lambda page: repr(page[:50]))
def test_mark_stands_where_the_body_starts(expected: bytes) -> None:
    page = expected.replace(MARK, b"")

    assert through(page, []) == (expected, Outcome.SHOWN)
    if len(page) < 1000:
        assert through(page, list(range(len(page)))) == (expected, Outcome.SHOWN)


@pytest.mark.parametrize(("page", "outcome"), LEFT_ALONE, ids=lambda one: repr(one[:40]))
def test_what_has_no_such_place_is_left_alone(page: bytes, outcome: Outcome) -> None:
    assert through(page, []) == (page, outcome)
    if len(page) < 1000:
        assert through(page, list(range(len(page)))) == (page, outcome)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([page.replace(MARK, b"") for page in SHOWN] + [page for page, _ in LEFT_ALONE]),
    st.data(),
)
def test_cuts_change_nothing(page: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(page)), max_size=8))

    assert through(page, cuts)[0] == through(page, [])[0]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            b"<html> <head> <body <body> > </ <!-- --> - <!doctype <title> </title> <script>"
            b" </script \" ' = a /> <template> </template> <p> \xc3 <? <!".split()
        ),
        max_size=12,
    ).map(b"".join),
    st.data(),
)
def test_nothing_is_lost_or_reordered(page: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(page)), max_size=6))
    whole = through(page, [])

    assert whole[0].replace(MARK, b"", 1) == page
    assert through(page, cuts) == whole


def test_what_has_been_read_goes_on_at_once() -> None:
    start = BodyStart(MARK)

    assert start.feed(b"<html><head><link rel=stylesheet href=a.css><scr") == (
        b"<html><head><link rel=stylesheet href=a.css>"
    )
    assert start.feed(b"ipt>" + b"x" * 100)[:20] == b"<script>" + b"x" * 12
