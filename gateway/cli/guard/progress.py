"""How far a guard has come with its list: a bar on a terminal, plain lines anywhere else.

The bar is redrawn four times a second whatever happens, so that a quick command is not slowed
by it; what commands write is drawn above it. Plain lines come one a second at most where the
list is long. All of it goes to stderr.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from gateway.cli.failures import one_line

FEW = 20  # users, each of which gets a line
EVERY = 1.0  # seconds between lines where there are more
DRAWS = 4.0  # of the bar, a second


class Shown(Protocol):
    """Shows progress while entered. ``output`` is where commands write, None: where they like."""

    output: int | None

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def ended(self, user: str, *, done: bool, took: float) -> None:
        """One user's turn is over."""

    def say(self, line: str) -> None:
        """Something that is not progress."""


def progress(total: int) -> Shown:
    """As stderr is."""
    return Bar(total) if sys.stderr.isatty() else Lines(total)


class Lines:
    """``alice: done in 0.4 s (1 of 3)``"""

    def __init__(self, total: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.output: int | None = None
        self._total = total
        self._clock = clock
        self._lock = threading.Lock()
        self._count = 0
        self._told = -EVERY

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return

    def ended(self, user: str, *, done: bool, took: float) -> None:
        with self._lock:
            self._count += 1
            now = self._clock()
            last = self._count == self._total
            if done and not last and self._total > FEW and now - self._told < EVERY:
                return
            self._told = now
            word = "done" if done else "FAILED"
            line = f"{user}: {word} in {took:.1f} s ({self._count} of {self._total})"
            click.echo(one_line(line), err=True)

    def say(self, line: str) -> None:
        click.echo(line, err=True)


class Bar:
    """A bar with the count, the time left, and who was last."""

    def __init__(self, total: int) -> None:
        self._console = Console(file=sys.stderr, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
            refresh_per_second=DRAWS,
        )
        self._task = self._progress.add_task("guard", total=total)
        self._read, write = os.pipe()
        self.output: int | None = write
        self._reader = threading.Thread(target=self._show_output, name="output", daemon=True)

    def __enter__(self) -> Self:
        self._progress.start()
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.output is not None:
            os.close(self.output)
        # What a command left running may hold the pipe open for as long as it likes.
        self._reader.join(0.5)
        self._progress.stop()

    def ended(self, user: str, *, done: bool, took: float) -> None:  # noqa: ARG002 as Shown
        name = one_line(user)
        text = f"{name[:30]}{'' if done else ' FAILED'}"
        self._progress.update(self._task, advance=1, description=text)

    def say(self, line: str) -> None:
        self._console.print(Text(line))

    def _show_output(self) -> None:
        rest = b""
        while data := os.read(self._read, 65_536):
            *lines, rest = (rest + data).split(b"\n")
            if lines:
                self._print(b"\n".join(lines))
        if rest:
            self._print(rest)

    def _print(self, data: bytes) -> None:
        self._console.print(Text.from_ansi(data.decode("utf-8", "replace")))
