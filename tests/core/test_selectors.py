"""Selectors stand in a style sheet of ours: none reaches past its own rule."""

from __future__ import annotations

import pytest

from gateway.core.selectors import LONGEST, is_selector

SELECTORS = [
    "#search-box", ".a.b > c", "a:not(.x, .y)", "li:nth-child(2n+1)", '[data-x="a b"]', "*",
    "input[type=search i]", r".md\:flex", r".w-1\/2", "a::before", "#übung", "a, b",
    'form[action*="/search"]', ":is(h1, h2) + p", "a:has(> img)", "[aria-label='x)']",
]  # fmt: skip
OTHERS = [
    "", " ", " a", "a{", "a}", "a;b", "@media print", "a<b", "</style>", "a/* b", "*/a", "a[",
    'a["x', "a(", "a)", ":not(", "a:not(b))", "a\\", "a\\{", "a\\\n", "a\nb", '"x"', "a >", "a,",
    'a[b="}"]', 'a[b="<"]', "a[b='\n']", "a\0", "x" * (LONGEST + 1),
]  # fmt: skip


@pytest.mark.parametrize("text", SELECTORS)
def test_selectors_are_taken(text: str) -> None:
    assert is_selector(text)


@pytest.mark.parametrize("text", OTHERS)
def test_what_could_end_a_rule_or_begin_another_is_none(text: str) -> None:
    assert not is_selector(text)
