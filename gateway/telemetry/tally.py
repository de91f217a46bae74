"""What the data plane counts: plain integers, since one increment is paid a request.

A prometheus_client Counter costs 0.23 us an increment (a lock), before any label look-up; these are
40 ns and are turned into metric families when somebody asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

_CLASSES = 6  # of statuses by first digit; 0 is none


class Tally:
    """Counts since the start of this process."""

    __slots__ = (
        "answers",
        "asked",
        "bypassed",
        "connections",
        "failures",
        "forwarded",
        "held",
        "notices",
        "own",
        "refused",
        "retried",
    )

    def __init__(self) -> None:
        self.connections = 0
        self.forwarded = 0
        self.retried = 0
        self.refused: dict[str, int] = {}  # by flag; flags are as many as the YAML has
        self.held: dict[str, int] = {}  # by flag, "" for the app: began to wait
        self.bypassed: dict[str, int] = {}  # by flag: let by for a pass
        self.answers = [0] * _CLASSES  # the app's, by first digit of the status
        self.failures: dict[int, int] = {}  # 502 and 504, and answers cut short
        self.notices: dict[str, int] = {}  # HTML pages under a notice, by what came of it
        self.asked: dict[str, int] = {}  # decisions for other proxies, by what they came to
        self.own: dict[int, int] = {}  # the gateway's own errors, by status

    def refuse(self, flag: str) -> None:
        self.refused[flag] = self.refused.get(flag, 0) + 1

    def hold(self, flag: str) -> None:
        self.held[flag] = self.held.get(flag, 0) + 1

    def bypass(self, flag: str) -> None:
        self.bypassed[flag] = self.bypassed.get(flag, 0) + 1

    def answered(self, status: int) -> None:
        self.answers[status // 100 if status < 600 else 5] += 1

    def failed(self, status: int) -> None:
        self.failures[status] = self.failures.get(status, 0) + 1

    def noticed(self, outcome: str) -> None:
        self.notices[outcome] = self.notices.get(outcome, 0) + 1

    def ask(self, decision: str) -> None:
        self.asked[decision] = self.asked.get(decision, 0) + 1

    def say(self, status: int) -> None:
        self.own[status] = self.own.get(status, 0) + 1

    # Between processes

    def add(self, other: Tally) -> None:
        """Count what another process counted as well."""
        self.connections += other.connections
        self.forwarded += other.forwarded
        self.retried += other.retried
        for digit, count in enumerate(other.answers):
            self.answers[digit] += count
        for flag, count in other.refused.items():
            self.refused[flag] = self.refused.get(flag, 0) + count
        for flag, count in other.held.items():
            self.held[flag] = self.held.get(flag, 0) + count
        for flag, count in other.bypassed.items():
            self.bypassed[flag] = self.bypassed.get(flag, 0) + count
        for outcome, count in other.notices.items():
            self.notices[outcome] = self.notices.get(outcome, 0) + count
        for decision, count in other.asked.items():
            self.asked[decision] = self.asked.get(decision, 0) + count
        for status, count in other.failures.items():
            self.failures[status] = self.failures.get(status, 0) + count
        for status, count in other.own.items():
            self.own[status] = self.own.get(status, 0) + count

    def dump(self) -> dict[str, Any]:
        """As JSON values; ``load`` reads them."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def load(cls, document: Mapping[str, Any]) -> Self:
        made = cls()
        for name in cls.__slots__:
            setattr(made, name, document[name])
        # JSON has names for statuses, not numbers.
        made.failures = {int(status): count for status, count in made.failures.items()}
        made.own = {int(status): count for status, count in made.own.items()}
        return made
