"""CONTRIBUTING.md and docs/architecture.md name what there is, and all of it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_target_of_make_is_on_the_page_for_contributors() -> None:
    targets = re.findall(r"^([\w-]+):.*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    page = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert len(targets) > 10
    assert [
        name for name in targets if not re.search(rf"^\$ make {name} ", page, re.MULTILINE)
    ] == []


def test_every_file_and_room_of_the_architecture_is_there_and_every_room_is_named() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    named = re.findall(r"`((?:[\w-]+/)+(?:\w+\.py)?)`", page)
    assert len(named) > 40
    here = [ROOT / "gateway", ROOT / "gateway" / "proxy", ROOT]
    assert [name for name in named if not any((room / name).exists() for room in here)] == []
    rooms = {each.name for each in (ROOT / "gateway").iterdir() if (each / "__init__.py").exists()}
    assert {room for room in rooms if f"| `{room}/` |" not in page} == set()
