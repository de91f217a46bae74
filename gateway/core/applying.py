"""Flags that apply to requests which go on: the modes ``notice`` and ``anonymous``.

Theory of operation: while any such flag is on, an ``Applying`` stands where else the index of the
flags that hold stands, and answers the same two questions. So they cost nothing while none is.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.evidence import Evidence
from gateway.core.index import NO_FLAG_HOLDS, Index
from gateway.core.outcomes import Decision, Forward, HeldBack, Reason

# What banners are made of is had here, whatever is held: a page that shows one was let through.
OWN_PATHS = b"/-/maintenance/notice/"

_OWN_PATH = Forward(Reason.OWN_PATH)


@dataclass(frozen=True, slots=True, eq=False)
class Applying:
    """``holding`` may hold a request; of one that it does not, ``index`` has what applies."""

    holding: Index | None
    index: Index

    @property
    def whole(self) -> HeldBack | None:
        """As the index of those that hold: then nothing else has to be looked at."""
        return None if self.holding is None else self.holding.whole

    def decide(self, evidence: Evidence) -> Decision:
        """What holds the request; else the names of those that apply to it, in order."""
        if evidence.request.target.startswith(OWN_PATHS):
            return _OWN_PATH
        if self.holding is not None:
            decision = self.holding.decide(evidence)
            if decision is not NO_FLAG_HOLDS:
                return decision
        names = tuple(rule.if_held.flag for rule in self.index.every(evidence))
        return Forward(Reason.NO_FLAG_HOLDS, names) if names else NO_FLAG_HOLDS
