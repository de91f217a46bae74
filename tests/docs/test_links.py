"""Every link of every page leads somewhere, by GitHub's rules for the names of headings."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LISTED = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
PAGES = subprocess.run(LISTED, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
FENCED = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    """The page without its examples."""
    return FENCED.sub("", page.read_text("utf-8"))


def heading_name(heading: str) -> str:
    """``heading`` as GitHub makes a fragment of it: `The app's container` is the-apps-container."""
    shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")


@cache
def fragments(page: Path) -> frozenset[str]:
    names: list[str] = []
    for heading in re.findall(r"^#{1,6} +(.+)$", prose(page), re.MULTILINE):
        name = heading_name(heading)
        before = sum(re.fullmatch(rf"{re.escape(name)}(-\d+)?", each) is not None for each in names)
        names.append(f"{name}-{before}" if before else name)
    return frozenset(names)


def links(page: Path) -> Iterator[tuple[str, Path, str]]:
    """``(link, file, fragment)`` of each link within the repository."""
    for link in LINK.findall(re.sub(r"`[^`\n]*`", "", prose(page))):
        if not re.match(r"[a-z]+:", link):
            path, _, fragment = link.partition("#")
            yield link, (page.parent / path).resolve() if path else page, fragment


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    page = ROOT / name
    gone = [link for link, file, _ in links(page) if not file.exists()]
    lost = [
        link
        for link, file, fragment in links(page)
        if fragment and file.suffix == ".md" and file.exists() and fragment not in fragments(file)
    ]
    assert (gone, lost) == ([], [])


def test_every_page_of_the_documentation_is_named_on_the_front_page() -> None:
    named = {file for _, file, _ in links(ROOT / "README.md")}
    pages = {*(ROOT / "docs").glob("*.md"), *(ROOT / "deploy").glob("*/README.md")}
    assert pages - named == set()


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [page.name[:4] for page in sorted((ROOT / "docs" / "decisions").glob("*.md"))]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("In the app's container", "in-the-apps-container"),
        ("What was tried, and what was not", "what-was-tried-and-what-was-not"),
        ("SIGHUP: replacing `the` workers", "sighup-replacing-the-workers"),
        ("[Guard](guard.md) a Job", "guard-a-job"),
    ],
)
def test_headings_are_named_as_github_names_them(heading: str, name: str) -> None:
    assert heading_name(heading) == name
