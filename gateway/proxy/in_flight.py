"""The exchanges under way: from the decision until the app's side has ended.

Theory of operation. An exchange is entered in the same synchronous step as the decision to
forward it, and taken out when the app's side has ended; that is all that a request pays for.
How it ended is written down only where it was not by itself: ``was_cut``, ``given_up_at``. A
drain looks through the table once (``watch``) and from then on at the exchanges it has found.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from gateway.core.census import Census
from gateway.core.evidence import Evidence
from gateway.core.rules import Rule
from gateway.proxy.abandoned import Abandoned
from gateway.state.traffic import Counts

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.proxy.wire.request import RequestHead

SLICE = 0.005  # seconds of counting between two turns of the loop


class InFlight:
    """``orphans`` is for how many seconds what was given up counts; ``time`` never goes back."""

    __slots__ = ("_abandoned", "_exchanges", "add", "discard")

    def __init__(self, orphans: Callable[[], float], time: Callable[[], float]) -> None:
        self._exchanges: set[Exchange] = set()
        self._abandoned = Abandoned(orphans, time)
        # The set's own methods: paid once a request each.
        self.add = self._exchanges.add
        self.discard = self._exchanges.discard

    def __len__(self) -> int:
        return len(self._exchanges)

    def __contains__(self, exchange: object) -> bool:
        return exchange in self._exchanges

    @property
    def abandoned(self) -> int:
        return len(self._abandoned)

    def count(self, concerned: Callable[[RequestHead], bool]) -> int:
        """How many of them are for such a request."""
        return sum(concerned(each.request) for each in self._exchanges)

    def give_up(self, exchange: Exchange) -> None:
        """Bytes of it were sent, and the app's end of it will not be seen."""
        self._abandoned.add(exchange)

    def stop(self) -> None:
        """Cut whatever is left: this process ends."""
        for exchange in tuple(self._exchanges):
            exchange.stop()

    async def concerned(self, rules: Sequence[Rule]) -> tuple[int, ...]:
        """How many each of the rules, which are in order, would hold if it was on.

        A thousand rules that may all be about each of a thousand exchanges take a second, so
        requests are given way to every few milliseconds; what has ended meanwhile is left out.
        """
        census = Census(rules)
        until = time.monotonic() + SLICE
        for exchange in tuple(self._exchanges):
            if time.monotonic() >= until:
                await asyncio.sleep(0)
                until = time.monotonic() + SLICE
            if exchange in self._exchanges:
                census.add(exchange.request)
        return census.counts

    def watch(self, rule: Rule, user: str | None, below: int) -> ExchangeWatch:
        """Those admitted below a revision that a drain of this rule must see the end of."""

        def concerned(exchanges: Iterable[Exchange]) -> list[Exchange]:
            return [each for each in exchanges if rule.concerns(Evidence(each.request), user)]

        flying = concerned(each for each in self._exchanges if each.revision < below)
        given_up = self._abandoned.below(below)
        # One that was lost and sent again is in both, and comes to be counted when it ends.
        left = concerned(each for each in given_up if each not in self._exchanges)
        return ExchangeWatch(self, self._abandoned, flying, left, below)


class ExchangeWatch:
    """The exchanges that one drain has to see the end of."""

    __slots__ = (
        "_abandoned",
        "_below",
        "_cut",
        "_finished",
        "_flying",
        "_left",
        "_table",
        "_unknown",
    )

    def __init__(
        self,
        table: InFlight,
        abandoned: Abandoned,
        flying: list[Exchange],
        left: list[Exchange],
        below: int,
    ) -> None:
        self._table = table
        self._abandoned = abandoned
        self._flying = flying
        self._left = left  # given up
        self._below = below
        self._unknown = abandoned.unknown_below(below)  # given up too, and in any scope
        self._finished = 0
        self._cut = 0

    def counts(self) -> Counts:
        """How they stand now."""
        flying = []
        for exchange in self._flying:
            if exchange in self._table:
                flying.append(exchange)
            elif exchange.was_cut:
                self._cut += 1
            else:
                self._left.append(exchange)  # for a moment: unless it was given up
        self._flying = flying
        left = [each for each in self._left if self._counts(each)]
        self._finished += len(self._left) - len(left)
        self._left = left
        unknown = min(self._unknown, self._abandoned.unknown_below(self._below))
        self._finished += self._unknown - unknown
        self._unknown = unknown
        return Counts(len(flying), len(left) + unknown, self._finished, self._cut)

    def close_endless(self) -> None:
        """Close the tunnels and streams among them."""
        for exchange in self._flying:
            exchange.close_endless()

    def _counts(self, exchange: Exchange) -> bool:
        at = exchange.given_up_at
        return at is not None and self._abandoned.counts(at)
