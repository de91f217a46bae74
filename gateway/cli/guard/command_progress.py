"""How far the guarded command says it is: the file that ``GATEWAY_PROGRESS`` names.

The command writes to it as it likes, once or line by line; its last whole line counts. It is read
with each heartbeat, and nothing about it can fail a guard: what is no figure says nothing.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple, Self

from gateway.cli.guard.turn import Say

VARIABLE = "GATEWAY_PROGRESS"
_TAIL = 1024  # bytes of the file's end that are looked at

# So many digits are whole numbers to every reader of JSON (RFC 8259, 6).
_FIGURE = re.compile(rb"\s*([0-9]{1,15})\s*(?:%|/\s*([0-9]{1,15}))?\s*")


class Figure(NamedTuple):
    """``42%`` is 42 of 100."""

    done: int
    of: int

    @property
    def percent(self) -> int:
        return 100 * self.done // self.of


class CommandProgress:
    """Entered: there is a place for the file, which only this user can reach.

    ``news`` is what the guard's record is to say of it; each percent more goes to ``say``.
    """

    def __init__(self, name: str, say: Say) -> None:
        self._name = name
        self._say = say
        self._path: Path | None = None
        self._cleanup = ExitStack()
        self._percent: int | None = None

    def __enter__(self) -> Self:
        # Where no directory can be made the command does without: it runs without a guard, too.
        with suppress(OSError):
            place = tempfile.TemporaryDirectory(prefix="guard-", ignore_cleanup_errors=True)
            self._path = Path(self._cleanup.enter_context(place), "progress")
        return self

    def __exit__(self, *_error: object) -> None:
        self._cleanup.close()

    @property
    def environ(self) -> Mapping[str, str]:
        """What the command is told."""
        return {VARIABLE: str(self._path)} if self._path is not None else {}

    def news(self) -> Mapping[str, object]:
        """As it is now; empty where the command says nothing. Raises nothing."""
        figure = read_figure(self._path) if self._path is not None else None
        if figure is None:
            return {}
        if figure.percent != self._percent:
            self._percent = figure.percent
            with suppress(OSError):  # whoever read this has left: no reason to end heartbeats
                self._say(f"{self._name}: {figure.done} of {figure.of}")
        return {"progress": figure._asdict()}


def read_figure(path: Path) -> Figure | None:
    """What the last whole line says: ``42``, ``42%`` or ``3/10``; None where it says none."""
    try:
        *lines, _unfinished = _tail(path).split(b"\n")
    except OSError:
        return None
    found = _FIGURE.fullmatch(lines[-1]) if lines else None
    if found is None:
        return None
    figure = Figure(int(found[1]), int(found[2] or 100))
    return figure if figure.of and figure.done <= figure.of else None


def _tail(path: Path) -> bytes:
    # The command may have put anything here: a pipe must not keep the heartbeat waiting, and a
    # link not have another file read.
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            return b""
        return os.pread(file, _TAIL, max(0, found.st_size - _TAIL))
    finally:
        os.close(file)
