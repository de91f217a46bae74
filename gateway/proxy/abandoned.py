"""Exchanges that were given up: the app may still be at work on them, and nobody will see it end.

They are kept, with what they asked for, for as long as they count (``drain.orphans``), within
bounds. Of those beyond the bounds no more is known than how many there were: each of them
counts as in the scope of everything, until the last of them counts no more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange

MOST = 1000
MOST_BYTES = 4 << 20  # of their fields; they take some three times as much memory


class Abandoned:
    """``lasts`` is for how many seconds one counts; ``time`` never goes back."""

    __slots__ = ("_bytes", "_kept", "_lasts", "_more", "_more_at", "_more_revision", "_time")

    def __init__(self, lasts: Callable[[], float], time: Callable[[], float]) -> None:
        self._lasts = lasts
        self._time = time
        self._kept: deque[tuple[float, Exchange]] = deque()
        self._bytes = 0
        self._more = 0  # beyond the bounds
        self._more_at = 0.0  # when the last of those was given up
        self._more_revision = 0  # the lowest that one of those was admitted at

    def __len__(self) -> int:
        self._forget()
        return len(self._kept) + self._more

    def add(self, exchange: Exchange) -> None:
        """It is given up now."""
        now = exchange.given_up_at = self._time()
        self._forget()
        self._kept.append((now, exchange))
        self._bytes += _size(exchange)
        while len(self._kept) > MOST or self._bytes > MOST_BYTES:
            self._lose_first()

    def counts(self, given_up_at: float) -> bool:
        """Whether one that was given up then still counts."""
        return self._time() - given_up_at < self._lasts()

    def below(self, revision: int) -> list[Exchange]:
        """Those that are known, admitted below a revision."""
        self._forget()
        return [exchange for _, exchange in self._kept if exchange.revision < revision]

    def unknown_below(self, revision: int) -> int:
        """How many more there may be that were admitted below a revision."""
        self._forget()
        return self._more if self._more_revision < revision else 0

    def _forget(self) -> None:
        kept = self._kept
        while kept and not self.counts(kept[0][0]):
            self._bytes -= _size(kept.popleft()[1])
        if self._more and not self.counts(self._more_at):
            self._more = 0

    def _lose_first(self) -> None:
        at, exchange = self._kept.popleft()
        self._bytes -= _size(exchange)
        lowest = min(self._more_revision, exchange.revision) if self._more else exchange.revision
        self._more_revision = lowest
        self._more_at = at
        self._more += 1


def _size(exchange: Exchange) -> int:
    return len(exchange.request.block.raw) + len(exchange.request.target)
