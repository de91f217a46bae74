"""Lines gathered and written by a thread: in order, bounded, and none lost without a word."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config.settings import AccessLog as Settings
from gateway.telemetry import access_log
from gateway.telemetry.access_log import FULL, AccessLog
from gateway.telemetry.tally import Tally


def opened(path: Path | None, tally: Tally | None = None) -> AccessLog:
    return AccessLog(Settings(path), "member", tally or Tally())


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 a thread does it
            await asyncio.sleep(0.001)


async def test_lines_are_written_with_a_tick(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = opened(path)
    log.add(b"one\n")
    assert path.read_bytes() == b""
    log.flush()
    await until(lambda: path.read_bytes() == b"one\n")
    await log.close()


async def test_many_do_not_wait_for_it(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = opened(path)
    line = b"x" * 1023 + b"\n"
    for _ in range(FULL // 1024):
        log.add(line)
    await until(lambda: path.stat().st_size == FULL)
    await log.close()


async def test_what_is_left_is_written_at_the_end_in_order(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = opened(path)
    for number in range(10_000):
        log.add(b"%d\n" % number)
        if number % 1000 == 0:
            log.flush()
    await log.close()
    assert path.read_bytes().split() == [b"%d" % number for number in range(10_000)]


async def test_what_nobody_reads_is_dropped_counted_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(access_log, "MOST", 300_000)
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    tally = Tally()
    log = opened(tmp_path / "pipe", tally)
    line, sent = b"x" * 999 + b"\n", 2000
    for _ in range(sent):
        log.add(line)
    log.flush()
    log.flush()
    assert 1600 < tally.unlogged < sent
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "loses lines" in caplog.text

    read = 0

    def drained() -> bool:
        nonlocal read
        try:
            read += os.read(reader, 1 << 20).count(b"\n")
        except BlockingIOError:
            log.flush()
        return read + tally.unlogged == sent and len(caplog.records) == 2

    await until(drained)
    assert f"written again: {tally.unlogged} lost" in caplog.text
    log.add(b"more\n")
    await log.close()
    assert os.read(reader, 100) == b"more\n"
    os.close(reader)


async def test_an_end_does_not_wait_for_a_reader_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_log, "_END", 0.2)
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    tally = Tally()
    log = opened(tmp_path / "pipe", tally)
    for _ in range(200):
        log.add(b"x" * 999 + b"\n")
    async with asyncio.timeout(60):
        await log.close()
    taken = os.read(reader, 1 << 20)
    assert taken.count(b"\n") + tally.unlogged == 200
    os.close(reader)


async def test_a_full_disk_is_said_once_and_gets_over_by_itself(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, tally = tmp_path / "access.log", Tally()
    path.symlink_to("/dev/full")
    log = opened(path, tally)
    for lost in (1, 2, 3):
        log.add(b"lost\n")
        log.flush()
        await until(lambda: log._writer.lost == lost)  # noqa: B023 it is waited for here
        log.flush()
    assert tally.unlogged == 3
    assert [record.getMessage() for record in caplog.records] == [
        f"the access log ({path}) loses lines: No space left on device"
    ]
    path.unlink()  # and with the next line, there is a file again
    log.add(b"kept\n")
    log.flush()
    await until(lambda: path.exists() and path.read_bytes() == b"kept\n")
    await until(lambda: log._writer.fares_well)
    log.flush()
    assert caplog.records[-1].getMessage() == f"the access log ({path}) is written again: 3 lost"
    await log.close()
