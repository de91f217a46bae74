"""What the data plane counts: plain integers, since one increment is paid a request.

A prometheus_client Counter costs 0.5 us an increment (a lock and a label look-up); these are
30 ns and are turned into metric families when somebody asks.
"""

from __future__ import annotations


class Tally:
    """Counts since the start of this process."""

    __slots__ = ("answers", "connections", "failures", "forwarded", "own", "refused", "retried")

    def __init__(self) -> None:
        self.connections = 0
        self.forwarded = 0
        self.retried = 0
        self.refused: dict[str, int] = {}  # by flag; flags are as many as the YAML has
        self.answers = [0] * 6  # the app's, by first digit of the status
        self.failures: dict[int, int] = {}  # 502 and 504, and answers cut short
        self.own: dict[int, int] = {}  # the gateway's own errors, by status

    def refuse(self, flag: str) -> None:
        self.refused[flag] = self.refused.get(flag, 0) + 1

    def answered(self, status: int) -> None:
        self.answers[status // 100 if status < 600 else 5] += 1

    def failed(self, status: int) -> None:
        self.failures[status] = self.failures.get(status, 0) + 1

    def say(self, status: int) -> None:
        self.own[status] = self.own.get(status, 0) + 1
