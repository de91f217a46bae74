"""When a flag is on by itself: in a window of time, once or again and again.

Two things say that a window's occurrence has begun: this member's own clock, and the store, in
which whoever notices first writes it down (its *course*), as with flips that lift themselves. It
holds by either, so rather early than late; and it is over once the store says so, or the clock
does while the store cannot. Only what the store says is the same for all members, so only that may
be relied on by a drain (``Phase.agreed``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from cronsim import CronSim

LEAST_LEAD = 10.0  # seconds, at least, for which the TTL is 0 before a window


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a window comes. Seconds since the epoch; the end is no part of it."""

    start: float
    end: float


@dataclass(frozen=True)
class Window:
    """``once``, or by ``cron`` (five fields, by the clock of ``timezone``) for ``lasts`` seconds.

    It is announced ``announce`` seconds before it begins; 0: it is not.
    """

    once: Occurrence | None = None
    cron: str = ""
    lasts: float = 0.0
    timezone: str = "UTC"
    announce: float = 0.0

    @cached_property
    def key(self) -> str:
        """What is equal of equal windows, however they are announced."""
        if self.once is not None:
            return f"{self.once.start!r}/{self.once.end!r}"
        return f"{self.cron}/{self.lasts!r}/{self.timezone}"

    def latest(self, now: float) -> Occurrence | None:
        """The last that has begun by ``now``. Of several that overlap it ends last."""
        if self.once is not None:
            return self.once if self.once.start <= now else None
        return self._fired(_around(self.cron, self.timezone, int(now // 60))[0])

    def following(self, now: float) -> Occurrence | None:
        """The first that begins after ``now``."""
        if self.once is not None:
            return self.once if self.once.start > now else None
        return self._fired(_around(self.cron, self.timezone, int(now // 60))[1])

    def document(self) -> dict[str, object]:
        """As it is written: what ``read_window`` reads."""
        zone = ZoneInfo(self.timezone)
        if self.once is not None:
            start, end = (
                datetime.fromtimestamp(at, zone) for at in (self.once.start, self.once.end)
            )
            written: dict[str, object] = {"start": start.isoformat(), "end": end.isoformat()}
        else:
            written = {"cron": self.cron, "for": self.lasts}
        return {**written, "timezone": self.timezone, "announce": self.announce}

    def __str__(self) -> str:
        """``2030-01-31 03:00 CET to 2030-01-31 05:00 CET``, or ``0 3 * * SUN UTC for 7200 s``."""
        if self.once is not None:
            return f"{self.clock(self.once.start)} to {self.clock(self.once.end)}"
        return f"{self.cron} {self.timezone} for {self.lasts:g} s"

    def clock(self, at: float) -> str:
        """A time (seconds since the epoch) for people, by the window's own clock."""
        return datetime.fromtimestamp(at, ZoneInfo(self.timezone)).strftime("%Y-%m-%d %H:%M %Z")

    def _fired(self, at: float | None) -> Occurrence | None:
        return None if at is None else Occurrence(at, at + self.lasts)


@dataclass(frozen=True, slots=True)
class Course:
    """How far a flag's window has come, as the store has it: the last occurrence that began.

    ``window`` is the key of that window: of another one it says nothing.
    """

    window: str
    start: float
    end: float
    over: bool = False


@dataclass(frozen=True, slots=True)
class Phase:
    """What a window comes to at a moment.

    ``current`` is the occurrence that holds, ``agreed`` whether the store says so too; ``coming``
    the one after it, ``announced`` whether that is to be told by now, ``drawn`` whether the TTL
    is 0. ``unsettled``: the store has to be told something. ``changes_at`` is the next moment at
    which time alone changes any of this, in seconds since the epoch.
    """

    current: Occurrence | None
    agreed: bool
    coming: Occurrence | None
    announced: bool
    drawn: bool
    unsettled: bool
    changes_at: float


def phase(window: Window, course: Course | None, now: float, *, ended: float, ttl: float) -> Phase:
    """The phase at ``now``. What began by ``ended`` was turned off by somebody."""
    known, latest, coming = _known(window, course), window.latest(now), window.following(now)
    holding = known is not None and not known.over and now < known.end
    newer = latest is not None and (known is None or latest.start > known.start)
    current = latest if newer else Occurrence(known.start, known.end) if known and holding else None
    if current is not None and (now >= current.end or current.start <= ended):
        current = None
    start = math.inf if coming is None else coming.start
    edges = [start, start - window.announce, start - max(ttl, LEAST_LEAD)]
    edges += [each.end for each in (latest, known) if each is not None]
    return Phase(
        current=current,
        agreed=current is not None and known is not None and holding and known.start > ended,
        coming=coming,
        announced=window.announce > 0 and start - window.announce <= now,
        drawn=current is not None or start - max(ttl, LEAST_LEAD) <= now,
        unsettled=followed(window, course, now) != known,
        changes_at=min((edge for edge in edges if edge > now), default=math.inf),
    )


def followed(window: Window, course: Course | None, now: float) -> Course | None:
    """The course that the store is to have at ``now``: nothing that began is taken back."""
    known, latest = _known(window, course), window.latest(now)
    if latest is not None and now < latest.end and (known is None or latest.start > known.start):
        return Course(window.key, latest.start, latest.end)
    if known is not None and not known.over and now >= known.end:
        return replace(known, over=True)
    return known


def _known(window: Window, course: Course | None) -> Course | None:
    return course if course is not None and course.window == window.key else None


# Takes 0.1 to 1 ms, and nothing that it depends on changes within a minute.
@lru_cache(maxsize=2048)
def _around(cron: str, timezone: str, minute: int) -> tuple[float | None, float | None]:
    """When cron last fired by a minute of the epoch, and when it fires next after it."""
    now = minute * 60
    when = datetime.fromtimestamp(now, ZoneInfo(timezone))
    # Within an hour that comes twice, either way may begin on the wrong side: so all are compared.
    earlier = next(CronSim(cron, when + timedelta(seconds=1), reverse=True), None)
    latest = None if earlier is None else earlier.timestamp()
    for fired in CronSim(cron, earlier or when):
        if fired.timestamp() > now:
            return latest, fired.timestamp()
        latest = fired.timestamp()
    return latest, None
