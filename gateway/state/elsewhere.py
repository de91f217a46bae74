"""Requests that go on over another proxy: let through here, and never seen to end.

Theory of operation. A proxy that asks only for the decision (forward-auth) moves the bytes itself,
so no member has them in flight, and a drain cannot wait for them. What can be known is that there
are such requests in a flag's scope. Whoever lets the first one through writes that down, by flag,
*before* it decides; it decides anew afterwards. So a drain that has every member's report, which
comes after that decision, finds the note. It is written again each hour, and holds for a day.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from gateway.core.evidence import Evidence
from gateway.core.request import RequestFacts
from gateway.core.rules import Rule
from gateway.stores.base import Store, StoreError

KIND = "elsewhere"

HOLDS = 86_400.0  # seconds for which a note is believed
ANEW = 3_600.0  # seconds after which it is written again
RETRY = 5.0  # seconds until the next try after the store has failed


class Elsewhere:
    """What one process lets go on over other proxies. ``clock`` is seconds since the epoch."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._due: dict[str, float] = {}  # when each flag is noted again, by ``monotonic``

    def unnoted(self, request: RequestFacts, rules: Iterable[Rule]) -> list[str]:
        """The flags that a request is in the scope of, as far as they have to be noted now."""
        now, evidence = self._monotonic(), Evidence(request)
        due = [rule for rule in rules if self._due.get(rule.if_held.flag, now) <= now]
        return [rule.if_held.flag for rule in due if rule.covers(evidence)]

    async def note(self, flags: Sequence[str]) -> None:
        """Write down that requests in the scope of ``flags`` go on elsewhere.

        Raises ``StoreError`` for a flag of which it has never been written: the request must not
        go on then, since no drain would know. Where only its renewal fails, the note still holds.
        """
        for flag in flags:
            again = ANEW
            try:
                await self._store.put(KIND, flag, {"at": self._clock()})
            except StoreError:
                if flag not in self._due:
                    raise
                again = RETRY
            self._due[flag] = self._monotonic() + again

    async def flags(self) -> frozenset[str]:
        """The flags that have requests in their scope elsewhere, by whomever they were let
        through. Raises ``StoreError``."""
        return await flags_elsewhere(self._store, self._clock())


async def flags_elsewhere(store: Store, now: float) -> frozenset[str]:
    """The same at ``now``, seconds since the epoch."""
    records = await store.records(KIND)
    return frozenset(each.key for each in records if now - _at(each.document.get("at")) < HOLDS)


def _at(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
