"""Times in buckets: noted one by one, counted together."""

from __future__ import annotations

import pytest

from gateway.telemetry.durations import BOUNDS, Durations


def noted(*seconds: float) -> Durations:
    made = Durations()
    for each in seconds:
        made.add(each)
    return made


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [
        (0.0, 0),
        (BOUNDS[0], 0),
        (BOUNDS[0] * 1.001, 1),
        (0.02, BOUNDS.index(0.025)),
        (30.0, len(BOUNDS) - 1),
        (30.1, len(BOUNDS)),
    ],
)
def test_time_falls_in_the_first_bucket_that_holds_it(seconds: float, bucket: int) -> None:
    assert list(noted(seconds).counts) == [int(each == bucket) for each in range(len(BOUNDS) + 1)]


def test_many_at_once_are_counted_as_one_by_one() -> None:
    times = [bound * factor for bound in BOUNDS for factor in (0.99, 1.0, 1.01)]
    together, each = noted(*reversed(times)), Durations()
    for one in times:
        each.add(one)
        each.settle()

    assert together.counts == each.counts
    assert sum(together.counts) == len(times)
    assert together.seconds == pytest.approx(each.seconds) == pytest.approx(sum(times))


def test_what_was_noted_is_not_kept_once_it_is_counted() -> None:
    made = noted(1.0, 2.0)
    made.settle()
    made.add(3.0)

    assert made._noted == [3.0]
    assert made.seconds == 6.0
    assert made._noted == []


def test_another_process_adds_to_it() -> None:
    total = noted(0.001)
    total.join(Durations.load(noted(0.001, 99.0).dump()))

    assert total.counts[BOUNDS.index(0.001)] == 2
    assert total.counts[-1] == 1
    assert total.seconds == pytest.approx(99.002)
