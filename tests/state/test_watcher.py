"""Edits are noticed however they are made, on real files."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.state import watcher
from gateway.state.watcher import edits


class Edits:
    """The edits of one file, each waited for at most ten seconds."""

    def __init__(self, path: Path, settle: float = 0.02) -> None:
        self.edits = edits(path, poll=0.2, settle=settle)

    async def next(self) -> None:
        await asyncio.wait_for(anext(self.edits), 10)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("one")
    return path


@pytest.fixture
async def seen(path: Path) -> AsyncIterator[Edits]:
    """Past the first, which comes at once."""
    seen = Edits(path)
    await seen.next()
    yield seen
    await seen.edits.aclose()


async def test_a_file_written_in_place_is_noticed(seen: Edits, path: Path) -> None:
    path.write_text("two")
    await seen.next()


async def test_a_file_renamed_over_it_is_noticed(seen: Edits, path: Path) -> None:
    for content in ("two", "three"):
        other = path.with_suffix(".tmp")
        other.write_text(content)
        other.rename(path)
        await seen.next()


async def test_a_file_deleted_and_made_again_is_noticed(seen: Edits, path: Path) -> None:
    path.unlink()
    await seen.next()
    path.write_text("two")
    await seen.next()


async def test_an_edit_that_keeps_size_and_time_is_noticed(seen: Edits, path: Path) -> None:
    before = path.stat()
    path.write_text("eno")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    await seen.next()


async def test_a_swap_of_kubernetes_links_is_noticed(tmp_path: Path) -> None:
    def version(name: str) -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text(name)
        (tmp_path / "..data_tmp").symlink_to(name)
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")

    version("..one")
    path = tmp_path / "config.yaml"
    path.symlink_to("..data/config.yaml")
    seen = Edits(path)
    await seen.next()
    for name in ("..two", "..three"):
        version(name)
        await seen.next()
    await seen.edits.aclose()


async def test_an_edit_behind_a_link_is_noticed(tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "real.yaml"
    real.parent.mkdir()
    real.write_text("one")
    path = tmp_path / "config.yaml"
    path.symlink_to(real)
    seen = Edits(path)
    await seen.next()
    real.write_text("two")
    await seen.next()
    await seen.edits.aclose()


async def test_a_directory_made_anew_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "etc" / "config.yaml"
    path.parent.mkdir()
    path.write_text("one")
    seen = Edits(path)
    await seen.next()
    path.parent.rename(tmp_path / "old")
    await seen.next()
    path.parent.mkdir()
    path.write_text("two")
    await seen.next()
    await seen.edits.aclose()


async def test_without_events_a_look_now_and_then_finds_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_watches(*_: object, **__: object) -> None:
        raise OSError("no watches left")

    monkeypatch.setattr(watcher, "awatch", no_watches)
    seen = Edits(path)
    await seen.next()
    path.write_text("two")
    await seen.next()
    await seen.edits.aclose()


async def test_half_a_file_is_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The writer goes on at each reading until it is done; only then is it an edit.
    pieces = list("the rest of it")
    fingerprint = watcher._fingerprint

    def reading(path: Path, beside: list[Path]) -> bytes | None:
        if path.read_text() != "one" and pieces:
            with path.open("a") as file:
                file.write(pieces.pop(0) + (pieces.pop(0) if pieces else ""))
        return fingerprint(path, beside)

    monkeypatch.setattr(watcher, "_fingerprint", reading)
    seen = Edits(path, settle=0.0)
    await seen.next()
    path.write_text("two: ")
    await seen.next()
    assert path.read_text() == "two: the rest of it"
    await seen.edits.aclose()


async def test_a_file_that_is_not_there_is_no_edit_until_it_is(tmp_path: Path) -> None:
    seen = Edits(tmp_path / "config.yaml")
    coming = asyncio.ensure_future(seen.next())
    await asyncio.sleep(0)
    (tmp_path / "config.yaml").write_text("one")
    await coming
    await seen.edits.aclose()


async def test_a_file_deleted_before_the_first_look_is_noticed(path: Path) -> None:
    seen = Edits(path)
    path.unlink()
    await seen.next()
    await seen.edits.aclose()
