"""The example of ``examples/rolling-reindex`` in short, with its own verdict on it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "rolling-reindex"

pytestmark = pytest.mark.skipif(
    not (shutil.which("redis-server") and shutil.which("haproxy")),
    reason="no redis-server or haproxy here; tests/install-servers.sh installs them",
)


def play(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLE), "--users", "6", "--rate", "60", *options],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def failed(played: subprocess.CompletedProcess[str]) -> list[str]:
    return [line for line in played.stdout.splitlines() if line.startswith("FAILED")]


def test_nobody_but_the_user_at_work_is_held_and_no_search_overlaps(tmp_path: Path) -> None:
    picture = tmp_path / "story.svg"
    played = play("--picture", str(picture))

    assert failed(played) == [], played.stdout + played.stderr
    assert played.returncode == 0, played.stdout + played.stderr
    assert played.stdout.count("\nok ") == 10
    assert "reindex stays on for user-005" in played.stderr
    assert "6 users; 4 done already" in played.stderr
    assert 'class="held"' in picture.read_text()


def test_verdict_catches_the_run_without_the_guard() -> None:
    played = play("--without-guard")

    assert played.returncode == 1, played.stdout + played.stderr
    # What user-005 finds between the runs is half an index, each time; overlaps are likely.
    wrong = [line for line in failed(played) if "from an index that is half there" in line]
    assert len(wrong) == 1, played.stdout
    assert ": 0 of" not in wrong[0]
