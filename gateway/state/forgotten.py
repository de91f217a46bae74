"""Since when flags are on, and those on for longer than their ``max``: told, and never lifted.

For how long a flag has been on is known from its override or its window, and of one that the YAML
alone has on from when this member first saw it so.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.core.snapshot import FlagView, Snapshot
from gateway.state.alarm import Alarm

MOST_WAIT = 30.0  # seconds; because the wall clock may be set

_log = logging.getLogger("gateway.state")


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A flag that is on ``since`` (seconds since the epoch), longer than ``longest`` (seconds)."""

    flag: str
    since: float
    longest: float


class LongOn:
    """Follows the snapshots, and remembers since when each flag is on.

    ``clock`` is seconds since the epoch. Call ``follow`` at each swap.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._on: dict[str, Forgotten] = {}
        self._told: set[str] = set()
        self._woken = Alarm()

    def follow(self, snapshot: Snapshot) -> None:
        """Take in what is on now."""
        before, now = self._on, self._clock()
        self._on = {}
        for view in snapshot.views:
            if view.is_on:
                name, known = view.flag.name, before.get(view.flag.name)
                since = _since(view, now)
                since = since if known is None else min(since, known.since)
                longest = math.inf if view.flag.longest is None else view.flag.longest
                self._on[name] = Forgotten(name, since, longest)
        self._told &= self._on.keys()
        self._woken.set()

    @property
    def since(self) -> Mapping[str, float]:
        """Of each flag that is on: since when, in seconds since the epoch."""
        return {name: each.since for name, each in self._on.items()}

    @property
    def forgotten(self) -> Sequence[Forgotten]:
        """Those that are on for too long by now, in order."""
        now = self._clock()
        return [each for each in self._on.values() if each.since + each.longest <= now]

    async def run(self) -> None:
        """Warn in the log, once for each time that a flag is on, until cancelled."""
        while True:
            for each in self.forgotten:
                if each.flag not in self._told:
                    self._told.add(each.flag)
                    _log.warning("%s is on for longer than %g s", each.flag, each.longest)
            now = self._clock()
            ends = [each.since + each.longest - now for each in self._on.values()]
            ahead = min((left for left in ends if left > 0), default=math.inf)
            waits = math.isfinite(
                min((each.longest for each in self._on.values()), default=math.inf)
            )
            await self._woken.within(min(ahead, MOST_WAIT) if waits else None)


def _since(view: FlagView, now: float) -> float:
    if view.by_window and view.phase is not None and view.phase.current is not None:
        return view.phase.current.start
    return now if view.since is None else min(view.since, now)
