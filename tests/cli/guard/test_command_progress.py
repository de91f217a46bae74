"""What the guarded command says of its own progress, and what becomes of it."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.guard import record as guard_record
from gateway.cli.guard.command_progress import CommandProgress, Figure, read_figure
from tests.support.fake_guarded import FakeGuarded

BEAT = "PUT /flags/site/guards/ID"


@pytest.mark.parametrize(
    ("written", "figure"),
    [
        (b"42%\n", Figure(42, 100)),
        (b"42\n", Figure(42, 100)),
        (b"3/10\n", Figure(3, 10)),
        (b" 3 / 10 \r\n", Figure(3, 10)),
        (b"0/7\n", Figure(0, 7)),
        (b"1/9\n2/9\n", Figure(2, 9)),
        (b"1/9\n2/", Figure(1, 9)),
        (b"\xff" * 5000 + b"\n100%\n", Figure(100, 100)),
    ],
)
def test_the_last_whole_line_counts(tmp_path: Path, written: bytes, figure: Figure) -> None:
    path = tmp_path / "progress"
    path.write_bytes(written)
    assert read_figure(path) == figure


@pytest.mark.parametrize(
    "written",
    [b"", b"42", b"42%\n\n", b"101%\n", b"11/10\n", b"0/0\n", b"-1\n", b"4.2%\n", b"3/10%\n",
     b"half\n", b"\xd9\xa3/10\n", b"9" * 16 + b"\n", b"5\n" + b"x" * 5000 + b"\n", b"4\0\n"],
)  # fmt: skip
def test_what_is_no_figure_says_nothing(tmp_path: Path, written: bytes) -> None:
    path = tmp_path / "progress"
    path.write_bytes(written)
    assert read_figure(path) is None


def test_only_a_file_is_read(tmp_path: Path) -> None:
    path, other = tmp_path / "progress", tmp_path / "other"
    assert read_figure(path) is None
    other.write_text("42\n")
    path.symlink_to(other)
    assert read_figure(path) is None
    path.unlink()
    path.mkdir()
    assert read_figure(path) is None
    path.rmdir()
    os.mkfifo(path)
    assert read_figure(path) is None


def test_each_percent_more_is_said_once_and_nobody_else_reaches_the_file() -> None:
    said: list[str] = []
    with CommandProgress("move.sh", said.append) as progress:
        path = Path(progress.environ["GATEWAY_PROGRESS"])
        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert progress.news() == {}
        for done in (10, 11, 11, 20):
            path.write_text(f"{done}/1000\n")
            assert progress.news() == {"progress": {"done": done, "of": 1000}}
    assert said == ["move.sh: 10 of 1000", "move.sh: 20 of 1000"]
    assert not path.parent.exists()


def test_a_reader_that_has_left_keeps_no_heartbeat_from_its_news() -> None:
    def say(_line: str) -> None:
        raise BrokenPipeError

    with CommandProgress("move.sh", say) as progress:
        Path(progress.environ["GATEWAY_PROGRESS"]).write_text("1/2\n")
        assert progress.news() == {"progress": {"done": 1, "of": 2}}


def test_without_room_for_the_file_the_command_is_told_of_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc/self/no-such-place")
    with CommandProgress("move.sh", print) as progress:
        assert (progress.environ, progress.news()) == ({}, {})


async def test_what_the_command_says_goes_into_the_record_and_the_guard_s_lines(
    site: FakeGuarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_record, "BEAT", 0.01)
    go = tmp_path / "go"
    os.mkfifo(go)
    body = f'echo 3/10 > "$GATEWAY_PROGRESS"; cat {go}'
    running = asyncio.create_task(site.run("guard", "site", "--", "sh", "-c", body))
    said: Any = {}
    async with asyncio.timeout(60):
        while said.get("progress") is None:
            await site.wait_for(BEAT, len(site.calls_of(BEAT)) + 1)
            said = site.calls_of(BEAT)[-1].document
    await asyncio.to_thread(go.write_text, "")
    result = await running
    assert result.exit_code == 0, result.stderr
    assert said == {
        "state": "guarding",
        "progress": {"done": 3, "of": 10},
        "before": said["before"],
    }
    assert "sh: 3 of 10" in result.stderr.splitlines()
