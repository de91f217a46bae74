"""Reading ``hold``: how requests wait, for the whole site or for one flag."""

from __future__ import annotations

from gateway.config.scalars import integer, positive_duration
from gateway.config.section import Section
from gateway.core.flags import HoldTerms

MOST = 1_000_000  # requests, waiting or going on


def read_hold(section: Section, usual: HoldTerms) -> HoldTerms:
    """``{for, limit, rate}``; what is not said is as in ``usual``."""
    with section:
        return HoldTerms(
            seconds=section.take("for", positive_duration, usual.seconds),
            limit=section.take("limit", integer(1, MOST), usual.limit),
            rate=section.take("rate", integer(1, MOST), usual.rate),
        )
