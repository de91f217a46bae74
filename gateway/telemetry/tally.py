"""What the data plane counts: plain integers, since one increment is paid a request.

A prometheus_client Counter costs 0.23 us an increment (a lock), before any label look-up; these are
40 ns and are turned into metric families when somebody asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Self

from gateway.telemetry.durations import Durations

_CLASSES = 6  # of statuses by first digit; 0: there was no answer


class Waited(StrEnum):
    """What became of a request that waited, for a flag or for the app."""

    FORWARDED = "forwarded"
    REFUSED = "refused"
    LEFT = "left"  # its client has


class DrainEnd(StrEnum):
    """What became of the wait for a flag to be drained."""

    DRAINED = "drained"
    GIVEN_UP = "given_up"  # not in time, or it could not be


BY_FLAG = ("refused", "held", "bypassed")  # flags are as many as the YAML has
_NUMBERS = ("connections", "cpu", "forwarded", "retried", "unlogged")
_BY_NAME = (*BY_FLAG, "asked", "deliveries", "notices")
_BY_STATUS = ("failures", "own")
_TIMES = ("app_times", "drain_times", "forward_times", "held_times", "loop_times", "refusal_times")


class Tally:
    """Counts since the start of this process."""

    __slots__ = (*_NUMBERS, *_BY_NAME, *_BY_STATUS, *_TIMES)

    def __init__(self) -> None:
        self.connections = 0
        self.cpu = 0.0  # seconds of CPU that this process has used
        self.forwarded = 0  # each request once, however often it was sent
        self.retried = 0
        self.unlogged = 0  # lines of the access log that were dropped
        self.refused: dict[str, int] = {}  # by flag
        self.held: dict[str, int] = {}  # by flag, "" for the app: began to wait
        self.bypassed: dict[str, int] = {}  # by flag: let by for a pass
        self.notices: dict[str, int] = {}  # HTML pages under a notice, by what came of it
        self.asked: dict[str, int] = {}  # decisions for other proxies, by what they came to
        self.deliveries: dict[str, int] = {}  # tries of webhooks: "NAME OUTCOME"
        self.failures: dict[int, int] = {}  # 502 and 504, and answers cut short
        self.own: dict[int, int] = {}  # the gateway's own errors, by status
        # Of the app, by first digit of the status; of the gateway, for what is forwarded and
        # for what is refused; and of waiting, by what came of it.
        self.app_times = [Durations() for _ in range(_CLASSES)]
        self.forward_times = Durations()
        self.refusal_times = Durations()
        self.loop_times = Durations()  # by how much a tick was late
        self.held_times = {outcome: Durations() for outcome in Waited}
        self.drain_times = {outcome: Durations() for outcome in DrainEnd}

    @property
    def answers(self) -> list[int]:
        """The app's, by first digit of the status."""
        return [0, *(sum(times.counts) for times in self.app_times[1:])]

    def refuse(self, flag: str) -> None:
        self.refused[flag] = self.refused.get(flag, 0) + 1

    def hold(self, flag: str) -> None:
        self.held[flag] = self.held.get(flag, 0) + 1

    def bypass(self, flag: str) -> None:
        self.bypassed[flag] = self.bypassed.get(flag, 0) + 1

    def answered(self, status: int, app: float, own: float) -> None:
        """The app has answered; ``app`` and ``own`` are the seconds that each took for it."""
        self.app_times[status // 100 if status < 600 else 5].add(app)
        self.forward_times.add(own)

    def unanswered(self, app: float) -> None:
        """The app was given so many seconds, and did not answer."""
        self.app_times[0].add(app)

    def failed(self, status: int) -> None:
        self.failures[status] = self.failures.get(status, 0) + 1

    def noticed(self, outcome: str) -> None:
        self.notices[outcome] = self.notices.get(outcome, 0) + 1

    def ask(self, decision: str) -> None:
        self.asked[decision] = self.asked.get(decision, 0) + 1

    def say(self, status: int) -> None:
        self.own[status] = self.own.get(status, 0) + 1

    def drained(self, outcome: DrainEnd, waited: float) -> None:
        """Somebody has waited so many seconds for a flag to be drained."""
        self.drain_times[outcome].add(waited)

    def settle(self) -> None:
        """Count the times that were noted: a few times a second, lest they take up memory."""
        for times in self._times():
            times.settle()

    def deliver(self, webhook: str, outcome: str) -> None:
        key = f"{webhook} {outcome}"
        self.deliveries[key] = self.deliveries.get(key, 0) + 1

    # Between processes

    def add(self, other: Tally) -> None:
        """Count what another process counted as well."""
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in (*_BY_NAME, *_BY_STATUS):
            counts = getattr(self, name)
            for label, count in getattr(other, name).items():
                counts[label] = counts.get(label, 0) + count
        for times, others in zip(self._times(), other._times(), strict=True):
            times.join(others)

    def dump(self) -> dict[str, Any]:
        """As JSON values; ``load`` reads them."""
        document = {name: getattr(self, name) for name in (*_NUMBERS, *_BY_NAME, *_BY_STATUS)}
        return {**document, "times": [times.dump() for times in self._times()]}

    @classmethod
    def load(cls, document: Mapping[str, Any]) -> Self:
        made = cls()
        for name in (*_NUMBERS, *_BY_NAME):
            setattr(made, name, document[name])
        for name in _BY_STATUS:  # JSON has names for them, not numbers
            counts = document[name].items()
            setattr(made, name, {int(status): count for status, count in counts})
        for times, told in zip(made._times(), document["times"], strict=True):
            times.join(Durations.load(told))
        return made

    def _times(self) -> Iterator[Durations]:
        yield from self.app_times
        yield self.forward_times
        yield self.refusal_times
        yield self.loop_times
        yield from self.held_times.values()
        yield from self.drain_times.values()
