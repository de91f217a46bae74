"""How old a flag's state may get."""

from __future__ import annotations

import math

from gateway.state.ttl import Freshness
from tests.state.stage import NOW, Clock


def test_nothing_read_runs_out_never() -> None:
    assert Freshness(Clock()).left() == math.inf


def test_the_shortest_ttl_runs_out_first() -> None:
    clock = Clock()
    freshness = Freshness(clock)
    freshness.renew({"a": 300.0, "b": 10.0}, NOW)
    assert freshness.left() == 10.0
    clock.now += 10
    assert freshness.left() == 0.0


def test_age_is_counted_from_the_start_of_the_read() -> None:
    clock = Clock()
    freshness = Freshness(clock)
    started, clock.now = clock.now, clock.now + 4
    freshness.renew({"a": 10.0}, started)
    assert freshness.left() == 6.0


def test_a_read_slower_than_the_ttl_leaves_nothing_fresh() -> None:
    clock = Clock()
    freshness = Freshness(clock)
    freshness.renew({"a": 10.0}, clock.now - 11)
    assert freshness.left() == 0.0


def test_flags_with_ttl_zero_are_not_kept() -> None:
    freshness = Freshness(Clock())
    freshness.renew({"a": 0.0}, NOW)
    assert freshness.left() == math.inf


def test_one_read_renews_all() -> None:
    clock = Clock()
    freshness = Freshness(clock)
    freshness.renew({"a": 10.0, "b": 20.0}, NOW)
    clock.now += 15
    freshness.renew({"a": 10.0, "b": 20.0}, clock.now)
    assert freshness.left() == 10.0
