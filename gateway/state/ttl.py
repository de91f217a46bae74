"""How old each flag's state may get before the store is read again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from cachetools import TLRUCache


class Freshness:
    """When each flag's cached state runs out, by its ``ttl``.

    One read of the store renews all flags. Age is counted from the start of that read, the
    last moment at which the state is known to have been true. Flags with TTL 0 are not kept:
    whoever needs one asks. ``clock`` is monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._flags = 0
        self._cache: TLRUCache[str, float] = TLRUCache(math.inf, _runs_out, timer=clock)

    def renew(self, ttls: Mapping[str, float], started: float) -> None:
        """Every flag was read by a read that began at ``started``; TTLs in seconds."""
        lasting = {name: started + ttl for name, ttl in ttls.items() if ttl > 0}
        self._flags = len(lasting)
        self._cache.clear()
        self._cache.update(lasting)

    def left(self) -> float:
        """Seconds until the first flag's state runs out: 0 if one has, inf if none will."""
        self._cache.expire()
        if len(self._cache) < self._flags:
            return 0.0
        return min(self._cache.values(), default=math.inf) - self._clock()


def _runs_out(_name: str, moment: float, _now: float) -> float:
    return moment
