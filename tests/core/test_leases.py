"""The rules of leases, on clocks that tests set."""

from __future__ import annotations

import pytest

from gateway.core.leases import (
    MEMBER,
    Reading,
    Tenure,
    ends,
    is_out,
    loaded,
    renewed,
    sighted,
)

START = Reading(100.0, 5_000.0)
HELD = Tenure(ends(START, MEMBER), 1)


def later(seconds: float, wall: float | None = None) -> Reading:
    return Reading(100.0 + seconds, 5_000.0 + (seconds if wall is None else wall))


@pytest.mark.parametrize(
    ("now", "out"),
    [
        (later(8.9), False),
        (later(9.0), True),
        (later(1.0, wall=9.0), True),  # the machine was paused
        (later(9.0, wall=1.0), True),
        (later(5.0, wall=-3_600.0), False),  # the wall clock was set back
    ],
)
def test_a_lease_is_out_when_either_clock_says_so(now: Reading, out: bool) -> None:  # noqa: FBT001 a parameter of the test
    assert is_out(HELD.ends_at, now) is out


def test_a_lease_counts_from_the_start_of_its_renewal() -> None:
    tenure = renewed(HELD, later(3.0), later(7.0), MEMBER)
    assert not is_out(tenure.ends_at, later(11.9))
    assert is_out(tenure.ends_at, later(12.0))


def test_a_renewal_that_ends_too_late_waits_for_a_load_begun_after_it() -> None:
    late = renewed(HELD, later(8.0), later(9.5), MEMBER)
    assert is_out(late.ends_at, later(9.5))
    assert is_out(loaded(late, HELD.renewals, MEMBER).ends_at, later(9.6))
    assert not is_out(loaded(late, late.renewals, MEMBER).ends_at, later(9.6))
    assert is_out(loaded(late, late.renewals, MEMBER).ends_at, later(17.0))


def test_a_new_member_has_a_lease_once_it_has_registered_and_loaded() -> None:
    registered = renewed(Tenure(), later(0.0), later(0.1), MEMBER)
    assert is_out(registered.ends_at, later(0.1))
    assert not is_out(loaded(registered, 1, MEMBER).ends_at, later(0.2))


def test_a_load_changes_nothing_for_a_lease_that_is_held() -> None:
    assert loaded(HELD, 1, MEMBER) is HELD


def test_a_beat_is_unmoved_from_the_end_of_one_read_to_the_start_of_another() -> None:
    first = sighted(None, 1, 0.0, 5.0)
    assert first.unmoved == 0.0
    again = sighted(first, 1, 15.9, 30.0)
    assert again.unmoved == pytest.approx(10.9)
    assert not again.is_silent(MEMBER)
    assert sighted(again, 1, 16.0, 16.1).is_silent(MEMBER)


def test_reads_that_overlap_make_nobody_silent() -> None:
    slow = sighted(None, 1, 0.0, 20.0)
    assert sighted(slow, 1, 1.0, 21.0).unmoved == 0.0


def test_any_other_beat_is_a_new_sighting() -> None:
    old = sighted(sighted(None, 7, 0.0, 0.0), 7, 60.0, 60.0)
    assert old.is_silent(MEMBER)
    assert not sighted(old, 6, 61.0, 61.0).is_silent(MEMBER)
