"""Windows: when they come by which clock, and what they come to beside flips and the store."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.flags import Flag
from gateway.core.overrides import Override, PatchError, flipped, standing
from gateway.core.patches import read_patch
from gateway.core.window_reading import WindowError, read_window
from gateway.core.windows import Course, Occurrence, Window, followed, phase
from gateway.state.edits import on_course
from tests.support.flags import flag, snapshot, user_flag

BERLIN = ZoneInfo("Europe/Berlin")
ONCE = Window(Occurrence(1000.0, 2000.0))
HOURLY = Window(cron="0 * * * *", lasts=600.0)


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def windowed(window: Window = ONCE, *, enabled: bool = False) -> Flag:
    plain = flag("site", enabled=enabled)
    written = frozenset({"enabled", "window"} if enabled else {"window"})
    return replace(plain, state=replace(plain.state, window=window, written=written))


def errors(document: dict[str, object]) -> dict[str, str]:
    with pytest.raises(WindowError) as caught:
        read_window(document)
    return dict(caught.value.errors)


def test_a_window_is_read_with_offsets_or_by_a_time_zone() -> None:
    local = {"start": "2030-01-31T03:00", "end": "2030-01-31 05:00"}
    by_zone = read_window({**local, "timezone": "Europe/Berlin"})
    by_offset = read_window({"start": "2030-01-31T03:00:00+01:00", "end": "2030-01-31T04:00:00Z"})
    assert (
        by_zone.once
        == by_offset.once
        == Occurrence(at("2030-01-31T02:00Z"), at("2030-01-31T04:00Z"))
    )
    assert errors(local)["start"] == "needs an offset, such as +01:00, or timezone beside it"


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ({}, ""),
        ({"start": "2030-01-31T03:00Z"}, "end"),
        ({"start": "2030-01-31T03:00Z", "end": "2030-01-31T03:00Z"}, "end"),
        ({"start": "2030-01-31T03:00Z", "cron": "0 3 * * *"}, ""),
        ({"cron": "0 3 * * *"}, "for"),
        ({"cron": "0 3 * * *", "for": 0}, "for"),
        ({"cron": "0 0 31 2 *", "for": 1}, "cron"),
        ({"cron": "0 0 3 * * *", "for": 1}, "cron"),
        ({"cron": "@daily", "for": 1}, "cron"),
        ({"cron": "0 3 * * *", "for": 1, "timezone": "Europe/Bern"}, "timezone"),
        ({"cron": "0 3 * * *", "for": 1, "timezone": "../localtime"}, "timezone"),
        ({"cron": "0 3 * * *", "for": 1, "announce": "1y"}, "announce"),
        ({"strat": 1}, "strat"),
        ({"start": 5, "end": True}, "start"),
        ({"start": "0001-01-01T00:00Z", "end": "9999-12-31T23:59Z"}, "end"),
    ],
)
def test_what_is_wrong_with_a_window_is_said_at_its_key(
    document: dict[str, object], key: str
) -> None:
    assert key in errors(document)


def test_an_hour_that_does_not_come_is_refused_and_one_that_comes_twice_is_held_whole() -> None:
    spring = {"start": "2030-03-31T02:30", "end": "2030-03-31T05:00", "timezone": "Europe/Berlin"}
    assert "put forward" in errors(spring)["start"]
    autumn = {"start": "2030-10-27T02:00", "end": "2030-10-27T02:30", "timezone": "Europe/Berlin"}
    once = read_window(autumn).once
    assert once is not None
    assert once.end - once.start == 5400.0


@pytest.mark.parametrize(
    ("day", "offset"),
    [("2030-03-30", "+01:00"), ("2030-03-31", "+02:00"), ("2030-10-27", "+01:00")],
)
def test_cron_goes_by_the_clock_of_its_time_zone(day: str, offset: str) -> None:
    window = read_window({"cron": "0 3 * * *", "for": "2h", "timezone": "Europe/Berlin"})
    start = at(f"{day}T03:00:00{offset}")
    assert window.following(start - 1) == window.latest(start) == Occurrence(start, start + 7200)
    before = window.latest(start - 1)
    assert before is not None
    assert before.start < start


@given(
    minutes=st.integers(-60 * 40, 60 * 40), cron=st.sampled_from(("30 2 * * *", "0,30 1-3 * * *"))
)
@settings(max_examples=60)
def test_when_cron_last_fired_and_when_it_fires_next_are_neighbours(
    minutes: int, cron: str
) -> None:
    window = read_window({"cron": cron, "for": "1h", "timezone": "Europe/Berlin"})
    now = at("2030-10-27T00:59:30Z") + 60 * minutes
    latest, coming = window.latest(now), window.following(now)
    assert latest is not None
    assert coming is not None
    assert latest.start <= now < coming.start
    assert window.following(latest.start) == coming


@pytest.mark.parametrize(
    "document",
    [
        {"start": "2030-01-31T03:00:00.5+01:00", "end": "2030-01-31T05:00Z", "announce": "30m"},
        {"cron": "0 3 * * sun", "for": "90m", "timezone": "America/New_York"},
    ],
)
def test_a_window_is_read_again_as_it_was_written(document: dict[str, object]) -> None:
    window = read_window(document)
    assert read_window(window.document()) == window


def test_it_holds_by_the_clock_or_by_the_store_and_is_over_by_the_store() -> None:
    begun = Course(ONCE.key, 1000.0, 2000.0)

    def now(course: Course | None, when: float) -> tuple[bool, bool]:
        found = phase(ONCE, course, when, ended=-math.inf, ttl=300.0)
        return found.current is not None, found.agreed

    assert now(None, 999.0) == (False, False)
    assert now(None, 1000.0) == (True, False)  # early rather than late, and not relied on
    assert now(begun, 900.0) == (True, True)  # a clock that is behind
    assert now(begun, 1999.0) == (True, True)
    assert now(begun, 2000.0) == (False, False)  # the store could not say so
    assert now(replace(begun, over=True), 1500.0) == (False, False)  # another clock was ahead
    assert now(replace(begun, window="another"), 900.0) == (False, False)


def test_the_course_only_goes_on() -> None:
    begun = Course(ONCE.key, 1000.0, 2000.0)
    assert followed(ONCE, None, 999.0) is None
    assert followed(ONCE, None, 1000.0) == begun
    assert followed(ONCE, begun, 500.0) == begun
    assert followed(ONCE, begun, 2000.0) == replace(begun, over=True)
    assert followed(ONCE, replace(begun, over=True), 1500.0) == replace(begun, over=True)
    assert followed(ONCE, None, 2000.0) is None  # missed whole: there is nothing to hold


def test_the_ttl_is_drawn_to_0_ahead_by_as_long_as_it_is_and_back_after_the_end() -> None:
    edges = {when: phase(ONCE, None, when, ended=-math.inf, ttl=300.0) for when in (699.0, 700.0)}
    assert [found.drawn for found in edges.values()] == [False, True]
    assert (edges[699.0].changes_at, edges[700.0].changes_at) == (700.0, 1000.0)
    begun = Course(ONCE.key, 1000.0, 2000.0)
    assert phase(ONCE, begun, 1500.0, ended=-math.inf, ttl=300.0).drawn
    assert not phase(ONCE, begun, 2000.0, ended=-math.inf, ttl=300.0).drawn


def test_a_window_that_comes_again_before_it_has_ended_goes_on() -> None:
    window = Window(cron="0 * * * *", lasts=5400.0)
    first = Course(window.key, 3600.0, 9000.0)
    found = phase(window, first, 7200.0, ended=-math.inf, ttl=0.0)
    assert (found.current, found.agreed) == (Occurrence(7200.0, 12600.0), True)


def patch(current: Override | None, now: float, known: Flag, **values: object) -> Override | None:
    after = flipped(known, current, read_patch(values), now=now, by="ann")
    return on_course(known, after, current, now)


def is_on(known: Flag, override: Override | None, now: float) -> bool:
    return standing(known.state, override, now).state.enabled


def test_off_ends_the_occurrence_that_is_and_no_later_one() -> None:
    known = windowed(HOURLY)
    off = patch(None, 3700.0, known, enabled=False)
    assert [is_on(known, off, now) for now in (3650.0, 3700.0, 4199.0, 7200.0, 7800.0)] == [
        False, False, False, True, False,
    ]  # fmt: skip


def test_off_before_it_begins_is_no_word_on_it() -> None:
    known = windowed(HOURLY)
    off = patch(None, 3500.0, known, enabled=False)
    assert is_on(known, off, 3600.0)


def test_another_flip_does_not_move_when_it_was_turned_off() -> None:
    known = windowed(HOURLY)
    off = patch(None, 3700.0, known, enabled=False)
    later = patch(off, 7300.0, known, ttl=5)
    assert is_on(known, later, 7300.0)


def test_on_outlasts_the_window_and_what_was_turned_on_for_a_while_leaves_it_be() -> None:
    known = windowed(HOURLY)
    assert is_on(known, patch(None, 3700.0, known, enabled=True), 5000.0)
    awhile = patch(None, 3500.0, known, **{"enabled": True, "for": 300})
    assert [is_on(known, awhile, now) for now in (3500.0, 3800.0, 4200.0)] == [True, True, False]


def test_on_for_a_while_within_the_window_ends_with_what_ends_last() -> None:
    known = windowed(HOURLY)

    def until(now: float, override: Override | None) -> float | None:
        overrides = {} if override is None else {"site": override}
        return snapshot(known, overrides=overrides, now=now).views[0].until

    short = patch(None, 3700.0, known, **{"enabled": True, "for": 60})
    assert [until(now, short) for now in (3700.0, 3760.0)] == [4200.0, 4200.0]
    long = patch(None, 3700.0, known, **{"enabled": True, "for": 1000})
    assert until(3700.0, long) == 4700.0
    assert until(3700.0, patch(None, 3700.0, known, enabled=True)) is None
    assert until(3700.0, None) == 4200.0


def test_off_for_a_while_within_the_window_comes_back_to_it() -> None:
    known = windowed(HOURLY)
    off = patch(None, 3700.0, known, **{"enabled": False, "for": 60})
    assert [is_on(known, off, now) for now in (3700.0, 3760.0, 4200.0)] == [False, True, False]


def test_what_a_guard_turned_on_goes_back_to_what_the_window_says() -> None:
    known = windowed(HOURLY)
    back = patch(patch(None, 3500.0, known, enabled=True), 3700.0, known, enabled=None)
    assert [is_on(known, back, now) for now in (3700.0, 4200.0)] == [True, False]
    ended = patch(None, 3650.0, known, enabled=False)
    back = patch(patch(ended, 3700.0, known, enabled=True), 3800.0, known, enabled=None)
    assert not is_on(known, back, 3800.0)  # a person had ended it


def test_a_new_window_is_the_last_word_on_what_was_turned_off() -> None:
    known = windowed(HOURLY)
    off = patch(None, 3700.0, known, enabled=False)
    wider = patch(off, 3800.0, known, window={"cron": "0 * * * *", "for": "20m"})
    assert [is_on(known, wider, now) for now in (3800.0, 4799.0, 4800.0)] == [True, True, False]
    both = patch(off, 3800.0, known, window={"cron": "0 * * * *", "for": "20m"}, enabled=False)
    assert [is_on(known, both, now) for now in (3800.0, 7200.0)] == [False, True]


def test_a_window_can_be_flipped_taken_away_and_given_back() -> None:
    plain = flag("site", enabled=False)
    window = {"start": "1970-01-01T01:00Z", "end": "1970-01-01T02:00Z"}
    given_one = patch(None, 0.0, plain, window=window)
    assert [is_on(plain, given_one, now) for now in (3599.0, 3600.0, 7200.0)] == [
        False,
        True,
        False,
    ]
    none = patch(None, 3700.0, windowed(HOURLY), window=False)
    assert not is_on(windowed(HOURLY), none, 3700.0)
    assert is_on(windowed(HOURLY), patch(none, 3700.0, windowed(HOURLY), window=None), 3700.0)
    with pytest.raises(PatchError):
        read_patch({"window": {"start": 1, "end": 2}})


def test_a_per_user_flag_with_a_window_is_not_armed_outside_of_it() -> None:
    plain = user_flag("reindex", users=["ann"])
    known = replace(plain, state=replace(plain.state, window=HOURLY))
    assert [is_on(known, None, now) for now in (3500.0, 3600.0)] == [False, True]
    given_one = patch(None, 0.0, plain, window={"cron": "0 * * * *", "for": "10m"})
    assert [is_on(plain, given_one, now) for now in (3500.0, 3600.0)] == [False, True]


def test_enabled_in_the_yaml_is_on_whatever_the_window_says() -> None:
    assert is_on(windowed(HOURLY, enabled=True), None, 3500.0)


class Oracle:
    """The same flag, by naive books: a minute at a time."""

    def __init__(self) -> None:
        self.switch: bool | None = None
        self.off_at = -1
        self.minute = 0

    def on(self, minute: int) -> bool:
        start = minute - minute % 60
        within = minute - start < 10
        return self.switch is True or (within and not self.off_at >= start)


STEPS = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from([True, False, None, "ttl", "reset", "clock"])),
    max_size=14,
)


@given(steps=STEPS)
@settings(max_examples=150)
def test_whatever_is_flipped_whenever_it_is_on_as_naive_books_have_it(
    steps: list[tuple[int, object]],
) -> None:
    known, oracle, override, minute = windowed(HOURLY), Oracle(), None, 60
    for pause, act in steps:
        minute += pause
        now = minute * 60.0
        match act:
            case True | False | None:
                if act is False and oracle.on(minute):
                    oracle.off_at = minute
                oracle.switch = act
                override = patch(override, now, known, enabled=act)
            case "ttl":
                override = patch(override, now, known, ttl=minute)
            case "reset":
                oracle.switch, oracle.off_at = None, -1
                override = on_course(known, None, override, now)
            case "clock":
                override = on_course(known, override, override, now)
        for ahead in (0, 1, 9, 10, 30, 59, 60, 75):
            expected = oracle.on(minute + ahead)
            assert is_on(known, override, now + 60.0 * ahead) == expected, (minute, ahead)
