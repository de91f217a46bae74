from __future__ import annotations

import json

from gateway.pages.content import Content
from gateway.pages.problem import problem


def test_a_refusal_has_the_flag_and_when() -> None:
    content = Content(503, "Closed", 'Say "für"', 600, flag="search", reason="feature")

    text = problem(content)

    assert "für" in text
    assert text.endswith("}\n")
    assert json.loads(text) == {
        "type": "about:blank",
        "title": "Closed",
        "status": 503,
        "detail": 'Say "für"',
        "flag": "search",
        "reason": "feature",
        "until": None,
        "retry_after": 600,
    }


def test_an_error_has_no_flag() -> None:
    document = json.loads(problem(Content(502, "Bad gateway", "No answer.")))
    assert document == {
        "type": "about:blank",
        "title": "Bad gateway",
        "status": 502,
        "detail": "No answer.",
        "flag": None,
        "reason": None,
        "retry_after": None,
        "until": None,
    }


def test_an_error_worth_another_try_says_when() -> None:
    assert json.loads(problem(Content(503, "Full", "", 10)))["retry_after"] == 10
