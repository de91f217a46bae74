"""The exchanges under way: from the decision until the app's side has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.core.decision import in_scope
from gateway.core.snapshot import FlagView

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange


class InFlight:
    """A set; what is in whose scope is worked out when somebody asks, not on the way."""

    __slots__ = ("_exchanges",)

    def __init__(self) -> None:
        self._exchanges: set[Exchange] = set()

    def __len__(self) -> int:
        return len(self._exchanges)

    def add(self, exchange: Exchange) -> None:
        self._exchanges.add(exchange)

    def discard(self, exchange: Exchange) -> None:
        self._exchanges.discard(exchange)

    def count(self, view: FlagView | None = None) -> int:
        """How many are in the flag's scope; None: how many at all."""
        if view is None:
            return len(self._exchanges)
        return sum(in_scope(exchange.request, view) for exchange in self._exchanges)
