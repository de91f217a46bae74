"""What the image is built of: all that pyproject.toml asks for, by hash, and nothing else."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = {
    "requirements.lock": PROJECT["project"]["dependencies"],
    "requirements-build.lock": [
        *PROJECT["build-system"]["requires"],
        *PROJECT["project"]["optional-dependencies"]["image"],
    ],
}
_PIN = re.compile(
    r"^([a-z0-9-]+)==(\S+)(?: ; (.+?))? \\\n((?: {4}--hash=\S+(?: \\)?\n)+)", re.MULTILINE
)


def pins(lock: str) -> dict[str, Version]:
    return {name: Version(version) for name, version, *_ in _PIN.findall((ROOT / lock).read_text())}


def needed(asked: list[str]) -> set[str]:
    """The names that these requirements come to here, as far as they are installed."""
    names: set[str] = set()
    waiting = [Requirement(each) for each in asked]
    while waiting:
        one = waiting.pop()
        name = canonicalize_name(one.name)
        if (one.marker and not one.marker.evaluate({"extra": ""})) or name in names:
            continue
        names.add(name)
        try:
            waiting += map(Requirement, requires(name) or ())
        except PackageNotFoundError:
            continue
    return names


@pytest.mark.parametrize("lock", LOCKS)
def test_each_line_of_a_lock_is_a_pin_a_hash_or_a_comment(lock: str) -> None:
    text = (ROOT / lock).read_text()
    rest = re.sub(r"^ *#.*\n", "", _PIN.sub("", text), flags=re.MULTILINE)
    assert rest == ""
    hashes = re.findall(r"--hash=(\S+)", text)
    assert hashes
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes)
    assert "://" not in text


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_what_the_project_asks_for(lock: str) -> None:
    pinned = pins(lock)
    for each in map(Requirement, LOCKS[lock]):
        assert pinned[canonicalize_name(each.name)] in each.specifier
    assert needed(LOCKS[lock]) <= set(pinned)


def test_nothing_in_the_image_is_there_without_somebody_who_needs_it() -> None:
    text = (ROOT / "requirements.lock").read_text()
    pinned = pins("requirements.lock")
    for name, comments in re.findall(
        r"^([a-z0-9-]+)==(?:.*\n)+?((?: {4}#.*\n)+)", text, re.MULTILINE
    ):
        by = re.findall(r"(?:via|#) +([a-z][a-z0-9-]*)", comments.replace("# via", "via"))
        assert by, name
        assert set(by) <= {*pinned, "maintenance-gateway"}


def test_the_image_installs_by_hash_alone() -> None:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    installs = re.findall(r"pip (?:--python \S+ )?(?:install|wheel) ([^&\n]*)", text)
    assert len(installs) == 4
    for each in installs:
        words = " ".join(each.split())
        assert "--require-hashes -r requirements" in words or "--no-deps" in words
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {f"!{lock}" for lock in LOCKS} <= set(ignored)


def test_every_dependency_is_justified_in_one_line() -> None:
    page = (ROOT / "docs" / "decisions" / "0001-dependencies.md").read_text().lower()
    rows = re.findall(r"^\| ([^ |]+) \| (.+) \|$", page, re.MULTILINE)
    for each in map(Requirement, PROJECT["project"]["dependencies"]):
        assert any(name == each.name.lower() and why for name, why in rows), each.name
