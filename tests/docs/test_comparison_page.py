"""docs/comparison.md: each system has its tests, and each test that is named exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "comparison.md").read_text("utf-8")
SYSTEMS = dict(re.findall(r"^## (.+)\n((?:(?!## ).*\n)*)", PAGE, re.MULTILINE))
FILES = sorted((ROOT / "tests" / "e2e" / "systems").glob("test_*.py"))


def file_of(section: str) -> Path:
    (named,) = re.findall(r"Tests:\s`(tests/e2e/systems/\w+\.py)`", section)
    return ROOT / named


def rows(section: str) -> list[list[str]]:
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [re.split(r" \| ", line.strip("| ")) for line in lines[1:]]


@pytest.mark.parametrize("system", SYSTEMS)
def test_each_system_s_tests_are_those_on_the_page(system: str) -> None:
    section = SYSTEMS[system]
    written = re.findall(
        r"^(?:async )?def (test_\w+)\(", file_of(section).read_text(), re.MULTILINE
    )
    assert set(re.findall(r"`(test_\w+)`", section)) == set(written)


@pytest.mark.parametrize("system", SYSTEMS)
def test_each_thing_that_it_can_do_has_a_test(system: str) -> None:
    found = rows(SYSTEMS[system])
    assert len(found) > 3
    for row in found:
        assert len(row) == 3, row
        assert re.search(r"`test_\w+`", row[2]), row


@pytest.mark.parametrize("system", SYSTEMS)
def test_each_system_can_do_something_that_the_gateway_cannot(system: str) -> None:
    assert re.search(r"\bcan, and the gateway cannot:", SYSTEMS[system])


def test_each_file_of_tests_is_a_system_s() -> None:
    assert sorted(map(file_of, SYSTEMS.values())) == FILES
