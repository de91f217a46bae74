from __future__ import annotations

from gateway.pages.content import Content
from gateway.pages.plain import plain


def test_plain_text_is_title_message_and_when() -> None:
    assert plain(Content(503, "Closed", "Back soon.\nReally.", 600, flag="site")) == (
        "Closed\n\nBack soon.\nReally.\n\nTry again in about 10 minutes (Retry-After: 600 s).\n"
    )


def test_who_sent_something_reads_that_it_did_not_arrive() -> None:
    text = plain(Content(503, "Closed", "Back soon.", 0, flag="site", repeatable=False))
    assert text == (
        "Closed\n\nBack soon.\n\nWhat you sent was not passed on, and nothing was saved.\n\n"
        "Try again.\n"
    )


def test_an_error_says_no_time() -> None:
    assert plain(Content(502, "Bad gateway", "No answer.")) == "Bad gateway\n\nNo answer.\n"


def test_an_empty_message_leaves_no_gap() -> None:
    assert plain(Content(400, "Bad request", "")) == "Bad request\n"
