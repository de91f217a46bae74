"""Reading a window, as the YAML and a flip write it: every error at once, each with its key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from gateway.core.durations import within_a_year
from gateway.core.windows import Occurrence, Window

KEYS = ("start", "end", "cron", "for", "timezone", "announce")

T = TypeVar("T")


class WindowError(Exception):
    """``errors`` are (key, message); the key is empty where it is the whole."""

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(text for _, text in errors))


def read_window(document: Mapping[str, object]) -> Window:
    """``{start, end}`` or ``{cron, for}``, and beside them ``timezone`` and ``announce``.

    ``start`` and ``end`` are ISO 8601 with an offset, or by the clock of ``timezone``; ``cron``
    is by that of ``timezone`` or, without one, of UTC. Raises ``WindowError``.
    """
    errors = [
        (key, f"unknown key; known are {', '.join(KEYS)}") for key in document if key not in KEYS
    ]
    given = {key: document[key] for key in KEYS if document.get(key) is not None}
    errors += _combined(given)

    reading = _Reading(given, errors)
    name = reading.take("timezone", _zone, "UTC")
    zone = ZoneInfo(name) if "timezone" in given else None
    start = reading.take("start", lambda value: _moment(value, zone, fold=0), 0.0)
    end = reading.take("end", lambda value: _moment(value, zone, fold=1), 0.0)
    cron, lasts = reading.take("cron", _cron, ""), reading.take("for", _lasting, 0.0)
    announce = reading.take("announce", within_a_year, 0.0)
    if not errors and not cron and end <= start:
        errors.append(("end", "must be after the start"))
    if errors:
        raise WindowError(errors)
    once = None if cron else Occurrence(start, end)
    return Window(once, cron, lasts, name, announce)


@dataclass(frozen=True, slots=True)
class _Reading:
    given: Mapping[str, object]
    errors: list[tuple[str, str]]

    def take(self, key: str, reader: Callable[[object], T], default: T) -> T:
        if key not in self.given:
            return default
        try:
            return reader(self.given[key])
        except ValueError as error:
            self.errors.append((key, str(error)))
            return default


def _combined(given: Mapping[str, object]) -> list[tuple[str, str]]:
    once, recurring = given.keys() & {"start", "end"}, given.keys() & {"cron", "for"}
    if once and recurring:
        return [("", "is either {start, end} or {cron, for}, not both")]
    if not once and not recurring:
        return [("", "needs {start, end} or {cron, for}")]
    needed = ("start", "end") if once else ("cron", "for")
    return [(key, "is needed") for key in needed if key not in given]


def _zone(value: object) -> str:
    try:
        if not isinstance(value, str) or not value:
            raise ValueError  # noqa: TRY301 the same words for what has no such zone
        return ZoneInfo(value).key
    except (ValueError, OSError, KeyError) as error:  # a name may be that of a folder
        raise ValueError(_NO_ZONE) from error


def _moment(value: object, zone: ZoneInfo | None, *, fold: int) -> float:
    """Seconds since the epoch. Of an hour that comes twice: the first (fold 0) or the second."""
    try:
        when = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        when = None
    if when is None or not 1970 <= when.year < 9999:
        raise ValueError("must be a time such as 2030-01-31T03:00:00+01:00")
    if when.tzinfo is not None:
        return when.timestamp()
    if zone is None:
        raise ValueError("needs an offset, such as +01:00, or timezone beside it")
    local = when.replace(tzinfo=zone, fold=fold)
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != when:
        raise ValueError(f"is no time in {zone.key}: clocks are put forward then")
    return local.timestamp()


def _cron(value: object) -> str:
    if not isinstance(value, str) or len(value.split()) != 5:
        raise ValueError('must be five fields, such as "0 3 * * sun"')
    fields = " ".join(value.upper().split())
    try:
        soonest = next(CronSim(fields, _SOME_TIME), None)
    except CronSimError as error:
        raise ValueError(f"is not understood by cron: {str(error).lower()}") from error
    if soonest is None:
        raise ValueError("never comes")
    return fields


def _lasting(value: object) -> float:
    seconds = within_a_year(value)
    if not seconds:
        raise ValueError("must be longer than nothing")
    return seconds


_NO_ZONE = "must be the name of a time zone, such as Europe/Berlin or UTC"
_SOME_TIME = datetime(2000, 1, 1, tzinfo=UTC)
