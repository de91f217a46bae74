"""THREAT_MODEL.md and SECURITY.md: all that they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAPERS = ("THREAT_MODEL.md", "SECURITY.md")
MODEL = (ROOT / "THREAT_MODEL.md").read_text()
_ROW = re.compile(r"^\| (?!threat )([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_PLACE = re.compile(
    r"`((?:gateway|tests|docs)/[\w/.-]+|[\w-]+\.(?:md|lock)|Dockerfile)(?:::(\w+))?`"
)


def places(text: str) -> list[tuple[str, str]]:
    return _PLACE.findall(text)


def links(text: str) -> list[str]:
    return re.findall(r"\]\(([\w/.-]+)\)", text)


@pytest.mark.parametrize("paper", PAPERS)
def test_every_file_that_is_named_exists(paper: str) -> None:
    text = (ROOT / paper).read_text()
    named = [path for path, _ in places(text)] + links(text)
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_test_that_is_named_exists() -> None:
    named = [(path, test) for path, test in places(MODEL) if test]
    assert len(named) > 50
    missing = [
        f"{path}::{test}"
        for path, test in named
        if not re.search(rf"^(?:async )?def {test}\(", (ROOT / path).read_text(), re.MULTILINE)
    ]
    assert missing == []


def test_every_threat_has_code_that_meets_it_and_a_test_that_proves_it() -> None:
    rows = _ROW.findall(MODEL)
    assert len(rows) > 30
    for threat, against, code, proven in rows:
        assert against.strip(), threat
        assert places(code), threat
        assert all(path.startswith("tests/") for path, _ in places(proven)), threat
        assert places(proven), threat


@pytest.mark.parametrize("paper", PAPERS)
def test_no_address_to_write_to_is_made_up(paper: str) -> None:
    assert not re.search(r"[\w.]@[\w.]", (ROOT / paper).read_text())
