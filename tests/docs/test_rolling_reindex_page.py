"""docs/rolling-reindex.md tells of the run whose picture it shows, and of the example as it is."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "rolling-reindex.md").read_text()
PICTURE = (ROOT / "docs" / "pictures" / "rolling-reindex.svg").read_text()


def test_figures_of_the_page_are_those_of_the_picture() -> None:
    said = re.search(r"<desc>(.+)</desc>", PICTURE)
    assert said is not None
    figures = re.findall(r"\d[\d,.]*\d|\d", said[1])

    assert len(figures) == 9
    assert [figure for figure in figures if not re.search(rf"\b{figure}\b", PAGE)] == []


def test_flag_of_the_page_is_that_of_the_example() -> None:
    shown = re.search(r"```yaml\n(.+?)```", PAGE, re.DOTALL)
    assert shown is not None
    used = yaml.safe_load((ROOT / "examples" / "rolling-reindex" / "gateway.yaml").read_text())
    used["flags"]["reindex"].pop("description")

    assert yaml.safe_load(shown[1])["flags"] == used["flags"]


def test_verdict_of_the_page_is_that_of_a_true_story() -> None:
    lines = re.findall(r"^(ok|FAILED) {2,}(.+?):", PAGE, re.MULTILINE)

    assert [word for word, _ in lines] == 10 * ["ok"] + 2 * ["FAILED"]
