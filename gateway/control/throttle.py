"""Counts wrong tokens by peer, so that who guesses is told off, and seen to guess."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from cachetools import TTLCache

from gateway.core.addresses import block

LIMIT = 10  # wrong tokens
PERIOD = 60.0  # seconds, from the latest one counted
MOST_PEERS = 4096


class Throttle:
    """A bounded count of failures by peer, forgotten after a while.

    It is asked about wrong tokens alone. Behind one address there may be a stranger who guesses
    and an operator, who must not be locked out during an incident; what keeps a token from
    being guessed is its length.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: TTLCache[str, tuple[int, float]] = TTLCache(MOST_PEERS, PERIOD, clock)

    def wait(self, peer: str) -> int:
        """Whole seconds until a wrong token of ``peer`` is but a wrong token; 0: it is now."""
        count, until = self._failures.get(block(peer), (0, 0.0))
        if count < LIMIT:
            return 0
        return max(1, ceil(until - self._clock()))

    def failed(self, peer: str) -> None:
        count, _ = self._failures.get(block(peer), (0, 0.0))
        self._failures[block(peer)] = (count + 1, self._clock() + PERIOD)
