"""docs/scope.md: its rows are those that are asked, and the gateway still says the same."""

from __future__ import annotations

import re

import pytest

from tests.scope.corpus import FIELDS, TARGETS, USERS
from tests.scope.judge import judge, listed
from tests.scope.table import PAGE, place_of, shown, verdicts

ROWS = {
    cells[0]: cells[1:]
    for line in PAGE.read_text("utf-8").splitlines()
    if len(cells := re.split(r" \| ", line[2:-2])) > 5
}


def recorded(name: str) -> list[str]:
    assert name in ROWS, f"{name} is not in docs/scope.md: make scope"
    return ROWS[name]


@pytest.mark.parametrize("family", TARGETS)
def test_target_is_recorded_as_the_gateway_has_it(family: str) -> None:
    for target in TARGETS[family]:
        on_search, but_help, *pages = recorded(shown(target))

        assert (on_search, but_help) == verdicts(target), target
        assert "**search**" not in pages or on_search != "forwarded", target
        assert "**search**" not in pages or but_help != "exempt", target


def test_field_is_recorded_as_the_gateway_has_it() -> None:
    for target, line in FIELDS:
        on_search, but_help, *pages = recorded(shown(target, line))

        assert (on_search, but_help) == verdicts(target, line), line
        assert "**search**" not in pages or (on_search, but_help) == ("held", "held"), line


def test_user_is_recorded_as_the_gateway_has_it() -> None:
    for lines in USERS:
        word, *users = recorded(shown(*lines))

        assert word == judge(listed(*place_of(lines)), b"/", *lines).word, lines
        assert "`bob`" not in users or word == "held", lines
