"""Leases: pure rules over readings of clocks, one half for the holder, one for the others.

The laws:

1. A holder counts its lease from the *start* of its last good renewal, and less a margin. The
   store took the renewal in at some time after that start, so nobody counts from earlier.
2. The lease has run out if either of two clocks says so: one that goes on while the machine
   is suspended, and the wall clock, which tells of a virtual machine that was paused.
3. An observer never compares clocks with a holder. It counts, on its own clock, for how long a
   holder's beat has not moved: from the *end* of the read that first showed it to the *start*
   of the last one that still did. A stalled observer, or a slow answer, only makes it shorter.
4. A holder is silent once that is the lease and a margin. By laws 1 and 3 its own lease has
   then been out for two margins, as long as no two clocks drift apart by as much in that time.
5. Renewing a lease that has run out does not bring it back. It counts again from the first load
   of the state that began after such a renewal had ended: what others did while the
   holder was taken for gone is then known to it. A new member is no other case.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Terms:
    """All in seconds. ``every`` is how often a lease is renewed."""

    lasts: float
    margin: float
    every: float

    @property
    def silence(self) -> float:
        """For how long a beat must not have moved until its holder is silent (law 4)."""
        return self.lasts + self.margin


MEMBER = Terms(lasts=10.0, margin=1.0, every=3.0)
GUARD = Terms(lasts=15.0, margin=1.0, every=3.0)


@dataclass(frozen=True, slots=True)
class Reading:
    """Two clocks of one machine at one moment, in seconds.

    ``boot`` never goes back and counts suspensions too, ``wall`` is since the epoch.
    """

    boot: float
    wall: float


NEVER = Reading(-math.inf, -math.inf)


def ends(began: Reading, terms: Terms) -> Reading:
    """When a lease whose renewal began at ``began`` runs out, on each clock (law 1)."""
    lasts = terms.lasts - terms.margin
    return Reading(began.boot + lasts, began.wall + lasts)


def is_out(ends_at: Reading, now: Reading) -> bool:
    """Whether a lease has run out: by either clock (law 2)."""
    return now.boot >= ends_at.boot or now.wall >= ends_at.wall


@dataclass(frozen=True, slots=True)
class Tenure:
    """A holder's lease as it knows it.

    ``ends_at`` is when it runs out. ``renewals`` counts those that have ended well. ``waiting``
    is the start of the last one, if a load has to come before it counts (law 5).
    """

    ends_at: Reading = NEVER
    renewals: int = 0
    waiting: Reading | None = None


def renewed(tenure: Tenure, began: Reading, now: Reading, terms: Terms) -> Tenure:
    """A renewal that began at ``began`` has ended well ``now``."""
    count = tenure.renewals + 1
    if is_out(tenure.ends_at, now):
        return replace(tenure, renewals=count, waiting=began)
    return Tenure(ends(began, terms), count)


def loaded(tenure: Tenure, renewals: int, terms: Terms) -> Tenure:
    """The state was loaded; ``renewals`` had ended well when that load began."""
    if tenure.waiting is None or renewals != tenure.renewals:
        return tenure
    return Tenure(ends(tenure.waiting, terms), tenure.renewals)


@dataclass(frozen=True, slots=True)
class Sighting:
    """For how long an observer has seen a record unmoved, on its own clock (law 3).

    ``beat`` is anything that is another after each write. ``since`` is the end of the read
    that first showed it, ``until`` the start of the last that did.
    """

    beat: Hashable
    since: float
    until: float

    @property
    def unmoved(self) -> float:
        """Seconds; never negative."""
        return max(0.0, self.until - self.since)

    def is_silent(self, terms: Terms) -> bool:
        return self.unmoved >= terms.silence


def sighted(before: Sighting | None, beat: Hashable, began: float, ended: float) -> Sighting:
    """What a read from ``began`` to ``ended`` that shows ``beat`` adds to what was known."""
    if before is None or before.beat != beat:
        return Sighting(beat, ended, ended)
    return replace(before, until=max(before.until, began))
