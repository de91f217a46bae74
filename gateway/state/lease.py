"""A member's own lease: the rules of ``gateway.core.leases`` on this machine's clocks."""

from __future__ import annotations

import time
from collections.abc import Callable

from gateway.core.leases import MEMBER, Reading, Tenure, Terms, is_out, loaded, renewed

# It counts suspensions too; where there is none (not Linux), the wall clock tells of them.
_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_time() -> float:
    """Seconds since some fixed moment, suspensions included; never goes back."""
    return time.clock_gettime(_BOOT)


class Lease:
    """Whether this process may still believe its snapshot for strict flags.

    It is out until the member has registered and then loaded the state, and whenever it was
    not renewed in time. ``boot`` and ``wall`` are the clocks, in seconds.
    """

    def __init__(
        self,
        *,
        terms: Terms = MEMBER,
        boot: Callable[[], float] = boot_time,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.terms = terms
        self._boot = boot
        self._wall = wall
        self._tenure = Tenure()
        self._renewed_at = boot()

    def out(self) -> bool:
        """Whether it has run out. Asked for each request where a flag is strict: 0.2 µs."""
        return is_out(self._tenure.ends_at, Reading(self._boot(), self._wall()))

    @property
    def left(self) -> float:
        """Seconds until it runs out, by the clock that is nearer to it; 0 if it has."""
        ends_at = self._tenure.ends_at
        return max(0.0, min(ends_at.boot - self._boot(), ends_at.wall - self._wall()))

    @property
    def renewed_at(self) -> float:
        """When the renewal that it last counted from began, by ``boot``; before the first: made."""
        return self._renewed_at

    @property
    def renewals(self) -> int:
        """How many have ended well: to be taken before a load begins, for ``loaded``."""
        return self._tenure.renewals

    @property
    def waits_for_load(self) -> bool:
        """Whether it was renewed too late, so that a load has to come before it counts."""
        return self._tenure.waiting is not None

    def begin(self) -> Reading:
        """To be taken before the store is asked to renew, for ``renewed``."""
        return Reading(self._boot(), self._wall())

    def renewed(self, began: Reading) -> None:
        """The store has taken in the renewal that began then."""
        now = Reading(self._boot(), self._wall())
        self._count_from(renewed(self._tenure, began, now, self.terms))

    def loaded(self, renewals: int) -> None:
        """The state was read, and is swapped in; ``renewals`` as they were before the read."""
        self._count_from(loaded(self._tenure, renewals, self.terms))

    def lose(self) -> None:
        """Others take this member for gone: what it does next is as for a new one."""
        self._tenure = Tenure(renewals=self._tenure.renewals + 1)

    def _count_from(self, tenure: Tenure) -> None:
        self._tenure = tenure
        began = tenure.ends_at.boot - (self.terms.lasts - self.terms.margin)
        self._renewed_at = max(self._renewed_at, began)
