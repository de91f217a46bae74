"""The guard bench's arithmetic; what it measures is not for a test run."""

from __future__ import annotations

import pytest

from bench.guard import Guarded, Times


def test_percentile_is_a_time_that_was_measured() -> None:
    times = Times([n / 1000 for n in range(200, 0, -1)])

    assert [times.at(share) for share in (0.5, 0.99, 1.0)] == [0.1, 0.198, 0.2]


def test_percentile_of_one_call_is_that_call() -> None:
    assert Times([0.5]).at(0.5) == 0.5


def test_cost_of_a_user_leaves_out_what_a_guard_of_one_takes() -> None:
    one = Guarded(users=1, wall=0.2, own=0.1, gateways=0.01)
    many = Guarded(users=101, wall=1.2, own=0.3, gateways=0.51)

    assert many.a_user(one) == pytest.approx((10, 2, 5))
