"""What everybody noted: the visitors, the app, the operator's script, the guard and the gateways.

All times are seconds of the wall clock of one machine.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

SEARCH = "/search"


class Answer(NamedTuple):
    """One answer as its visitor had it. ``status`` is 0 where none came."""

    user: str
    path: str
    sent: float
    received: float
    status: int
    flag: str | None  # X-Maintenance
    found: int | None  # by a search
    replica: str | None


class Span(NamedTuple):
    """Something of one user, from its start to its end."""

    user: str
    start: float
    end: float

    def meets(self, start: float, end: float) -> bool:
        """Whether they have an instant in common."""
        return start <= self.end and end >= self.start

    @property
    def length(self) -> float:
        return self.end - self.start


class Run(NamedTuple):
    """One run over the list: its exit status, its time, and whom the flag held after it."""

    status: int
    start: float
    end: float
    left: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Story:
    """All of it. ``broken`` is the user whose reindex fails the first time.

    ``searches`` are the app's, ``reindexes`` in order, ``turns`` last from the flip that has the
    gateways hold a user until they have let go.
    """

    users: tuple[str, ...]
    broken: str
    jobs: int
    replicas: int
    answers: Sequence[Answer]
    searches: Sequence[Span]
    reindexes: Sequence[tuple[Span, int]]  # with the exit status
    turns: Mapping[str, Span]
    runs: Sequence[Run]

    @property
    def began(self) -> float:
        return min(answer.sent for answer in self.answers)

    @property
    def ended(self) -> float:
        return max(answer.received for answer in self.answers)


def read_answers(file: Path) -> list[Answer]:
    """Of the visitors, in order of their arrival."""
    return [Answer(*line) for line in _lines(file)]


def read_searches(file: Path) -> list[Span]:
    """Of the app's request log."""
    return [Span(user, start, end) for user, path, start, end, _ in _lines(file) if path == SEARCH]


def read_reindexes(file: Path) -> list[tuple[Span, int]]:
    """Of the script's own log."""
    return [(Span(*span), status) for *span, status in _lines(file)]


class Following:
    """The visitors' log while it is written: what is new in it from now on."""

    def __init__(self, file: Path) -> None:
        self._file = file.open("a+")
        self._file.seek(0, os.SEEK_END)
        self._rest = ""

    def answers(self) -> list[Answer]:
        """Those that came since the last call."""
        *lines, self._rest = (self._rest + self._file.read()).split("\n")
        return [Answer(*json.loads(line)) for line in lines]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()


def read_turns(audit: Sequence[Mapping[str, Any]], journal: Path) -> dict[str, Span]:
    """By user: from the gateways' audit when each was put on the flag, from the guard's journal,
    which it writes after it has let a user go, until when."""
    done = dict(_done(journal)) if journal.exists() else {}
    turns = {}
    for entry in audit:
        added = ((entry["changes"] or {}).get("users") or {}).get("add") or ()
        for user in added:
            turns[user] = Span(user, _seconds(entry["at"]), done.get(user, math.inf))
    return turns


def _done(journal: Path) -> Iterator[tuple[str, float]]:
    for line in journal.read_text().splitlines():
        user, what, at = line.split("\t")
        if what == "done":
            yield user, _seconds(at)


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


def _lines(file: Path) -> Iterator[list[Any]]:
    if file.exists():
        yield from map(json.loads, file.read_text().splitlines())
