"""How long something took, each time: a histogram that is put together when it is looked at.

Theory of operation. Sorting a time into its bucket costs 80 ns, noting it in a list 15. So
what is measured on the hot path is noted, and counted together, five times a second or when
somebody looks: sorted numbers fall into their buckets by a search for each bound (measured: 20 to
40 ns a number, a thousand at once).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, Self

# Seconds, each the most that its bucket holds; one more bucket has what took longer. 50 us is
# several times the gateway's own share, 30 s what a request waits for a flag.
BOUNDS = (
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
    0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip


class Durations:
    """``add(seconds)`` notes one. Call ``settle`` now and then, or what is noted grows."""

    __slots__ = ("_counts", "_noted", "_seconds", "add")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0
        self._noted: list[float] = []
        self.add = self._noted.append  # the list's own method: paid once a request

    @property
    def counts(self) -> Sequence[int]:
        """How many took so long, for each of ``BOUNDS`` (its own bucket alone), and longer."""
        self.settle()
        return self._counts

    @property
    def seconds(self) -> float:
        """All together."""
        self.settle()
        return self._seconds

    def settle(self) -> None:
        """Count what was noted."""
        noted = self._noted
        if not noted:
            return
        self._seconds += sum(noted)
        noted.sort()
        below = 0
        for bucket, bound in enumerate(BOUNDS):
            upto = bisect_right(noted, bound, below)
            self._counts[bucket] += upto - below
            below = upto
            if below == len(noted):
                break
        self._counts[-1] += len(noted) - below
        noted.clear()

    # Between processes

    def join(self, other: Durations) -> None:
        """Count what another has as well."""
        self.settle()
        for bucket, count in enumerate(other.counts):
            self._counts[bucket] += count
        self._seconds += other.seconds

    def dump(self) -> dict[str, Any]:
        """As JSON values; ``load`` reads them."""
        return {"counts": self.counts, "seconds": self.seconds}

    @classmethod
    def load(cls, document: Mapping[str, Any]) -> Self:
        made = cls()
        made._counts, made._seconds = list(document["counts"]), document["seconds"]
        return made
