"""How many of many requests each of many flags is about."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.core.evidence import Evidence
from gateway.core.index import compile_index
from gateway.core.request import RequestFacts
from gateway.core.rules import Rule


class Census:
    """Counts requests for each of ``rules``, which are in order, by what it ``concerns``.

    A request costs what the flags cost whose scope it may be in; the others are not asked.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._index = compile_index(rules, by_user=False)
        self._counts = dict.fromkeys(rules, 0)

    @property
    def counts(self) -> tuple[int, ...]:
        """One for each rule, in order."""
        return tuple(self._counts.values())

    def add(self, request: RequestFacts) -> None:
        if self._index is None:
            return
        evidence = Evidence(request)
        for rule in self._index.in_reach(evidence):
            if rule.concerns(evidence, None):
                self._counts[rule] += 1
