"""Where lines go: whole ones, whoever else writes there, and on after it was rotated or full."""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.telemetry import log_file
from gateway.telemetry.log_file import LogFile, NotWrittenError

LINES = [b"one\n", b"two\n", b"three\n"]


def never() -> bool:
    return False


def at_once() -> bool:
    return True


class Disk:
    """The module os, with another ``write``."""

    def __init__(self, write: Callable[[int, bytes], int]) -> None:
        self.write = write

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


class Fifo:
    """A pipe with a name, and its reader."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self.path = path
        self.reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def drain(self) -> bytes:
        found = b""
        while True:
            try:
                some = os.read(self.reader, 1 << 16)
            except BlockingIOError:
                return found
            if not some:
                return found
            found += some


@pytest.fixture
def fifo(tmp_path: Path) -> Iterator[Fifo]:
    made = Fifo(tmp_path / "pipe")
    yield made
    os.close(made.reader)


def test_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(b"zero\n")
    file = LogFile(path)
    file.write(LINES, never)
    assert path.read_bytes() == b"zero\none\ntwo\nthree\n"
    file.close()


def test_it_is_not_for_everybody_to_read(tmp_path: Path) -> None:
    LogFile(tmp_path / "access.log").close()
    assert (tmp_path / "access.log").stat().st_mode & 0o007 == 0


def test_two_writers_keep_their_lines_whole(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    files = [LogFile(path), LogFile(path)]
    for _ in range(50):
        for number, file in enumerate(files):
            file.write([b"%d" % number * 5000 + b"\n"] * 3, never)
    assert {len(line) for line in path.read_bytes().splitlines()} == {5000}
    for file in files:
        file.close()


def test_a_file_that_was_renamed_is_followed_by_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    file = LogFile(path)
    file.write(LINES[:1], never)
    path.rename(tmp_path / "access.log.1")
    file.write(LINES[1:2], never)
    path.unlink()
    file.write(LINES[2:], never)
    assert (tmp_path / "access.log.1").read_bytes() == b"one\n"
    assert path.read_bytes() == b"three\n"
    file.close()


def test_where_no_new_one_can_be_made_the_old_one_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    file = LogFile(path)
    path.rename(tmp_path / "old")
    path.mkdir()
    file.write(LINES[:1], never)
    assert (tmp_path / "old").read_bytes() == b"one\n"
    path.rmdir()
    file.write(LINES[1:2], never)
    assert path.read_bytes() == b"two\n"
    file.close()


def test_an_old_one_that_cannot_be_closed_is_followed_by_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "access.log"
    file = LogFile(path)
    path.rename(tmp_path / "old")
    close = os.close

    def refused(fd: int) -> None:  # as NFS does that could not write all of it
        close(fd)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr("os.close", refused)
        file.write(LINES[:1], never)
    assert path.read_bytes() == b"one\n"
    file.close()


def test_a_full_disk_loses_all_of_a_write() -> None:
    file = LogFile(Path("/dev/full"))
    with pytest.raises(NotWrittenError, match="No space left") as raised:
        file.write(LINES, never)
    assert raised.value.lines == 3
    file.close()


@pytest.mark.parametrize(
    ("room", "lost", "then"),
    [
        (3, 3, b"one\nfour\n"),  # within the first line's end
        (4, 2, b"one\nfour\n"),
        (6, 2, b"one\ntw\nfour\n"),
        (13, 1, b"one\ntwo\nthree\nfour\n"),
    ],
)
def test_a_disk_that_fills_up_loses_what_did_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, lost: int, then: bytes
) -> None:
    left = [room]

    def write(fd: int, data: bytes) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, "full")
        done = os.write(fd, data[: left[0]])
        left[0] -= done
        return done

    path = tmp_path / "access.log"
    file = LogFile(path)
    with monkeypatch.context() as patched:
        patched.setattr(log_file, "os", Disk(write))
        with pytest.raises(NotWrittenError) as raised:
            file.write(LINES, never)
    assert raised.value.lines == lost
    file.write([b"four\n"], never)
    assert path.read_bytes() == then
    file.close()


def test_a_pipe_gets_whole_lines_in_writes_that_do_not_mix(fifo: Fifo) -> None:
    file = LogFile(fifo.path)
    lines = [b"x" * 1500 + b"\n"] * 7
    file.write(lines, never)
    assert fifo.drain() == b"".join(lines)
    assert all(
        sum(map(len, piece)) <= select.PIPE_BUF and piece for piece in log_file._pieces(lines)
    )
    file.close()


def test_a_pipe_that_nobody_reads_is_given_up_when_told_and_goes_on_later(fifo: Fifo) -> None:
    file = LogFile(fifo.path)
    lines = [b"y" * 4000 + b"\n"] * 40  # a pipe takes 64 KiB
    with pytest.raises(NotWrittenError, match="nobody reads it") as raised:
        file.write(lines, at_once)
    taken = fifo.drain()
    assert taken.count(b"\n") + raised.value.lines == 40
    assert taken.endswith(b"\n")
    file.write(LINES, never)
    assert fifo.drain() == b"".join(LINES)
    file.close()


def test_a_pipe_whose_reader_has_gone_is_an_error(tmp_path: Path) -> None:
    made = Fifo(tmp_path / "pipe")
    file = LogFile(made.path)
    os.close(made.reader)
    with pytest.raises(NotWrittenError, match="Broken pipe") as raised:
        file.write(LINES, never)
    assert raised.value.lines == 3
    file.close()


def test_what_cannot_be_opened_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        LogFile(tmp_path / "none" / "access.log")
    os.mkfifo(tmp_path / "unread")
    with pytest.raises(OSError, match="No such device"):
        LogFile(tmp_path / "unread")
