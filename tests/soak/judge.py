"""Whether anything in a flag's scope ran while a guarded command did: intervals, compared.

Both the app and the commands note CLOCK_MONOTONIC, which is one clock for all processes of a
machine. What has not ended when it is asked for has no end: it overlaps all that comes after.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple


class Request(NamedTuple):
    """One request as the app had it, in seconds: from its head until the app was done with it."""

    name: str
    kind: str
    scope: str  # the first segment of its path
    user: str | None
    start: float
    end: float = math.inf


class Window(NamedTuple):
    """One run of a guarded command, in seconds."""

    flag: str
    user: str | None
    start: float
    end: float = math.inf


class Overlap(NamedTuple):
    """What must not be."""

    request: Request
    window: Window

    def __str__(self) -> str:
        request, window = self
        since, until = request.start - window.start, request.end - window.start
        whose = f" of {request.user}" if request.user else ""
        return (
            f"{request.kind} {request.name} in /{request.scope}{whose} ran from {since:+.4f} s to "
            f"{until:+.4f} s; the command of {window.flag} from 0 to "
            f"{window.end - window.start:.4f} s (at {window.start:.4f})"
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """What a flag holds: requests below a path, of everybody or of the user named."""

    flag: str
    path: str
    per_user: bool = False


def overlaps(
    requests: Iterable[Request], windows: Iterable[Window], scopes: Sequence[Scope]
) -> list[Overlap]:
    """Each request in a scope with the first window of it that it has an instant in common with."""
    spans = {key: _Spans(mine) for key, mine in _by_key(windows).items()}
    return [
        Overlap(request, window)
        for request in requests
        for scope in scopes
        if scope.path == request.scope
        and (mine := spans.get((scope.flag, request.user if scope.per_user else None)))
        and (window := mine.touching(request.start, request.end))
    ]


def _by_key(windows: Iterable[Window]) -> Mapping[tuple[str, str | None], list[Window]]:
    found: dict[tuple[str, str | None], list[Window]] = defaultdict(list)
    for window in windows:
        found[window.flag, window.user].append(window)
    return found


class _Spans:
    """Windows in order of their start, with the latest end among each and those before it."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self._windows = sorted(windows, key=lambda window: window.start)
        self._starts = [window.start for window in self._windows]
        self._latest: list[Window] = []
        for window in self._windows:
            known = self._latest[-1] if self._latest else window
            self._latest.append(window if window.end >= known.end else known)

    def touching(self, start: float, end: float) -> Window | None:
        # Of all that began before the request ended, the one that ended last decides.
        count = bisect_right(self._starts, end)
        if not count:
            return None
        window = self._latest[count - 1]
        return window if window.end >= start else None


def closest(
    requests: Iterable[Request], windows: Sequence[Window], scopes: Sequence[Scope]
) -> float:
    """The shortest time, in seconds, between a window's start and an end in its scope before it.

    It tells how much the test can see: were nothing ever under way, it would be long.
    """
    ends: dict[tuple[str, str | None], list[float]] = defaultdict(list)
    for request in requests:
        for scope in scopes:
            if scope.path == request.scope:
                ends[scope.flag, request.user if scope.per_user else None].append(request.end)
    shortest = math.inf
    for key, mine in _by_key(windows).items():
        in_order = sorted(ends[key])
        for window in mine:
            at = bisect_left(in_order, window.start)
            if at:
                shortest = min(shortest, window.start - in_order[at - 1])
    return shortest


def read_windows(file: Path) -> list[Window]:
    """Runs as the commands have noted them: a line when each starts, and one when it ends."""
    begun: dict[str, Window] = {}
    for line in _lines(file):
        run, what, flag, user, at = json.loads(line)
        if what == "start":
            begun[run] = Window(flag, user, at)
        else:
            begun[run] = begun[run]._replace(end=at)
    return list(begun.values())


def _lines(file: Path) -> Iterator[str]:
    if file.exists():
        yield from file.read_text().splitlines()
