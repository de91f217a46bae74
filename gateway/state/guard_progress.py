"""How far the commands behind flags are, for the pages that may say so (``page.progress``).

Theory of operation. Guards report ``done`` of ``of`` with their heartbeat. That is read a few
times a minute, and only while a flag that may tell is guarded; pages are made anew only where the
figures that visitors see have changed. How long it takes yet is judged by the pace that was seen
here, not by when the guard began: it may have waited first.

A page is its flag's, whoever is held. Of guards of several users none is told of: nobody is to
read how far another's is.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from gateway.config.settings import Settings
from gateway.pages.news import Progress
from gateway.state.guards import Guarding, Guards
from gateway.stores.base import StoreError

EVERY = 3.0  # seconds, which is how often guards report
_LONGEST = 86_400  # seconds; what takes longer nobody can tell by the pace of now


@dataclass(frozen=True, slots=True)
class Pace:
    """When a guard was first seen to be how far. ``at`` is monotonic."""

    at: float
    done: float

    def left(self, done: float, of: float, now: float) -> int | None:
        """Seconds, in whole minutes; None as long as nothing has been seen to be done."""
        if done <= self.done or now <= self.at:
            return None
        seconds = (now - self.at) / (done - self.done) * (of - done)
        return math.ceil(seconds / 60) * 60 if seconds <= _LONGEST else None


def flags_that_tell(settings: Settings) -> frozenset[str]:
    """The flags whose pages may tell: each by its own word, else by the site's."""
    said = ((flag.name, flag.page.progress, settings.page.progress) for flag in settings.flags)
    return frozenset(name for name, own, site in said if (site if own is None else own))


class GuardProgress:
    """``telling`` names the flags whose pages may tell; ``tell`` is given those that do now."""

    def __init__(
        self,
        guards: Guards,
        telling: Callable[[], frozenset[str]],
        tell: Callable[[Mapping[str, Progress]], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._guards = guards
        self._telling = telling
        self._tell = tell
        self._monotonic = monotonic
        self._paces: dict[str, Pace] = {}
        self._told: Mapping[str, Progress] = {}

    async def run(self) -> None:
        """Look and tell, until cancelled."""
        while True:
            with suppress(StoreError):
                await self.look()
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Once. Raises ``StoreError``."""
        telling = self._telling()
        guards = await self._guards.all() if telling else []
        guarded = Counter(each.flag for each in guards)
        found = {
            each.flag: progress
            for each in guards
            if each.flag in telling and guarded[each.flag] == 1 and not each.abandoned
            if (progress := self._of(each))
        }
        self._paces = {each.id: self._paces[each.id] for each in guards if each.id in self._paces}
        if found != self._told:
            self._told = found
            self._tell(found)

    def _of(self, guarding: Guarding) -> Progress | None:
        said = guarding.record.document.get("progress")
        if not isinstance(said, dict) or not said.get("of"):
            return None
        done, of = min(said.get("done", 0), said["of"]), said["of"]
        now = self._monotonic()
        pace = self._paces.setdefault(guarding.id, Pace(now, done))
        return Progress(int(100 * done / of), pace.left(done, of, now))
