"""What a member's data plane offers to drains: its exchanges under way, counted by a rule.

Theory of operation. An entry is made in the same synchronous step as the decision to forward,
with the revision of the snapshot that decided; it goes when the app's side has ended. Once a
member serves revision N, entries admitted below N can only become fewer, so what a drain has to
wait for is a set worked out once (``InFlightTable.watch``) and then only looked at. Looking is
cheap enough to be done every few milliseconds.

An exchange *in flight* is one whose end the gateway will see. One given up before its end (the
app too slow, the client gone in mid-upload, a reset after sending) is *abandoned*: the app may
still be at work on it. The table keeps abandoned entries for ``drain.orphans``, then forgets them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gateway.core.rules import Rule


@dataclass(frozen=True, slots=True)
class Counts:
    """What has become of the watched exchanges: each is in exactly one of the four.

    ``in_flight`` are still under way (tunnels and streams too), ``abandoned`` were given up no
    longer than ``drain.orphans`` ago, ``finished`` ended by themselves, ``cut`` were closed by
    ``close_endless``.
    """

    in_flight: int = 0
    abandoned: int = 0
    finished: int = 0
    cut: int = 0


class Watch(Protocol):
    """The exchanges that one drain has to see the end of, in this process."""

    def counts(self) -> Counts:
        """How they stand now. Cheap: no request is judged again."""

    def close_endless(self) -> None:
        """Close the tunnels and event streams among them: 1012, on a frame boundary.

        Idempotent; they stay in flight until they have ended.
        """


class InFlightTable(Protocol):
    """All exchanges of this process: from the decision until the app's side has ended."""

    def __len__(self) -> int:
        """How many are in flight, whatever they ask for; without the abandoned."""

    @property
    def abandoned(self) -> int:
        """How many were given up no longer than ``drain.orphans`` ago."""

    def watch(self, rule: Rule, user: str | None, below: int) -> Watch:
        """The entries admitted below revision ``below`` that ``rule.concerns(..., user)``.

        Abandoned entries are judged too. The set is fixed by this call, synchronously: nothing
        admitted later belongs to it.
        """
