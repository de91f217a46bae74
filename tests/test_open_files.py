"""As many files as the connections need: raised as far as the system lets, and said where not."""

from __future__ import annotations

import logging
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import open_files
from gateway.open_files import make_room
from tests.support.exchange import Ask, Line
from tests.support.gateway_process import GatewayProcess
from tests.support.plain_app import PlainApp

INFINITE = resource.RLIM_INFINITY


class System:
    """Stands for ``resource``: ``most`` is what it lets the limit be raised to."""

    RLIMIT_NOFILE = resource.RLIMIT_NOFILE
    RLIM_INFINITY = INFINITE

    def __init__(self, soft: int, hard: int, most: int | None = None) -> None:
        self.limits = (soft, hard)
        self._most = most

    def getrlimit(self, _: int) -> tuple[int, int]:
        return self.limits

    def setrlimit(self, _: int, limits: tuple[int, int]) -> None:
        if self._most is not None and limits[0] > self._most:
            raise ValueError("current limit exceeds maximum limit")
        self.limits = limits


@pytest.mark.parametrize(
    ("soft", "hard", "after", "warns"),
    [
        (1_024, 524_288, 20_600, False),
        (1_024, 20_050, 20_050, False),
        (1_024, 4_096, 4_096, True),
        (1_024, INFINITE, 20_600, False),
        (INFINITE, INFINITE, INFINITE, False),
        (65_536, 524_288, 65_536, False),
        (64, 64, 64, True),
    ],
)
def test_the_limit_is_raised_to_what_the_connections_need(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    soft: int,
    hard: int,
    after: int,
    warns: bool,  # noqa: FBT001 a table's column
) -> None:
    system = System(soft, hard)
    monkeypatch.setattr(open_files, "resource", system)
    make_room(10_000)
    assert system.limits == (after, hard)
    assert bool(caplog.records) is warns


def test_what_cannot_be_raised_is_said_in_one_line_with_figures(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(open_files, "resource", System(1_024, INFINITE, most=10_240))
    make_room(10_000)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        "only 1024 files may be open (ulimit -n), and limits.connections: 10000 needs 20000, one "
        "to the client and one to the app each: about 212 connections at once are possible"
    )


def test_a_process_of_its_own_is_raised_indeed() -> None:
    code = (
        "import resource, gateway.open_files as f; n = resource.RLIMIT_NOFILE;"
        "resource.setrlimit(n, (64, 1000)); f.make_room(150); print(resource.getrlimit(n))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "(900, 1000)\n"


def test_a_gateway_that_starts_makes_room(tmp_path: Path) -> None:
    with (
        PlainApp() as app,
        GatewayProcess(tmp_path, app.url, "limits: {connections: 1000000}\n") as process,
    ):
        log = (process.folder / "gateway.log").read_text()
        assert log.count("limits.connections: 1000000 needs 2000000") == 1


def test_a_gateway_that_has_run_out_goes_on_accepting(tmp_path: Path) -> None:
    """More clients than it may have files: those inside are served, the others once they leave."""
    with (
        PlainApp() as app,
        GatewayProcess(tmp_path, app.url, "flags: {site: {}}\n", files=80) as process,
    ):
        lines = [Line(process.port) for _ in range(100)]
        assert lines[0].ask(Ask("/inside")).status == 200
        lines[99].send(Ask("/outside").encode())
        for line in lines[:99]:
            line.close()

        assert lines[99].answer().status == 200
        log = (process.folder / "gateway.log").read_text()
        assert "few open files are left" in log
        assert "accepting connections" in log
        lines[99].close()
