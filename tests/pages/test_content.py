from __future__ import annotations

import pytest

from gateway.pages.content import clean, one_line
from gateway.pages.languages import ENGLISH


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "in less than a minute"),
        (59, "in less than a minute"),
        (60, "in about a minute"),
        (61, "in about 2 minutes"),
        (600, "in about 10 minutes"),
        (3_600, "in about an hour"),
        (5_400, "in about 90 minutes"),
        (5_401, "in about 2 hours"),
        (7_200, "in about 2 hours"),
        (86_400, "in about 24 hours"),
        (129_601, "in about 2 days"),
        (604_800, "in about 7 days"),
    ],
)
def test_a_span_is_said_as_people_say_it(seconds: int, words: str) -> None:
    assert ENGLISH.spans.about(seconds) == words


def test_text_keeps_its_lines_and_loses_its_control_characters() -> None:
    assert clean(" one\r\ntwo\rthree\x00\x1b[31m\x7f\x85 \ud800 ") == "one\ntwo\nthree[31m ?"


def test_a_title_is_one_line() -> None:
    assert one_line("Back\r\n  soon\t!") == "Back soon !"
