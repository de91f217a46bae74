"""The members as one observer sees them: what is in their records, and for how long unmoved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.core.leases import MEMBER, Sighting, Terms, sighted
from gateway.core.quiescence import MemberSeen, Report, Standing
from gateway.stores.base import Record

KIND = "members"


@dataclass(frozen=True, slots=True)
class Member:
    """One member as observed. ``unmoved`` (seconds) is for how long its beat was.

    ``revision`` is the one it acknowledges, None if none; ``gone_for`` is as in ``MemberSeen``.
    """

    record: Record
    standing: Standing
    unmoved: float
    gone_for: float

    @property
    def name(self) -> str:
        return self.record.key

    @property
    def revision(self) -> int | None:
        found = self.record.document.get("revision")
        return found if isinstance(found, int) else None

    @property
    def in_flight(self) -> int:
        return whole(self.record.document, "in_flight")

    @property
    def abandoned(self) -> int:
        return whole(self.record.document, "abandoned")

    @property
    def is_here(self) -> bool:
        """Whether it beats: it may forward, and it answers."""
        return self.standing in {Standing.LIVE, Standing.LEAVING}

    def seen(self, report: Report | None) -> MemberSeen:
        return MemberSeen(
            self.name, self.standing, self.in_flight, self.abandoned, self.gone_for, report
        )


class Roll:
    """Remembers when each record was first seen as it is. Times are the observer's, monotonic."""

    def __init__(self, terms: Terms = MEMBER) -> None:
        self._terms = terms
        self._sightings: dict[str, Sighting] = {}

    def look(self, records: Sequence[Record], began: float, ended: float) -> list[Member]:
        """The members by a read of all their records that took from ``began`` to ``ended``."""
        self._sightings = {
            record.key: sighted(self._sightings.get(record.key), _beat(record), began, ended)
            for record in records
        }
        return [self._member(record, self._sightings[record.key]) for record in records]

    def _member(self, record: Record, sighting: Sighting) -> Member:
        unmoved = sighting.unmoved
        state = record.document.get("state")
        if state == Standing.CRASHED:
            return Member(record, Standing.CRASHED, unmoved, unmoved)
        if sighting.is_silent(self._terms):
            return Member(record, Standing.SILENT, unmoved, unmoved - self._terms.silence)
        standing = Standing.LEAVING if state == Standing.LEAVING else Standing.LIVE
        return Member(record, standing, unmoved, 0.0)


def _beat(record: Record) -> tuple[object, ...]:
    # A record that was dropped and put again counts from 1 again.
    return record.beat, record.document.get("since"), record.document.get("state")


def whole(document: Mapping[str, object], key: str) -> int:
    """A whole number of a record, 0 where it has none."""
    found = document.get(key)
    return found if isinstance(found, int) else 0
