"""Counts wrong tokens by peer, so that who guesses is told off, and seen to guess."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Network, ip_network
from math import ceil

from cachetools import TTLCache

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
        count, until = self._failures.get(_block(peer), (0, 0.0))
        if count < LIMIT:
            return 0
        return max(1, ceil(until - self._clock()))

    def failed(self, peer: str) -> None:
        count, _ = self._failures.get(_block(peer), (0, 0.0))
        self._failures[_block(peer)] = (count + 1, self._clock() + PERIOD)


def _block(peer: str) -> str:
    # One household or server has a whole /64 of IPv6 to send from.
    try:
        network = ip_network(peer)
    except ValueError:
        return peer
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is None:
        return str(network.supernet(new_prefix=64))
    return peer
