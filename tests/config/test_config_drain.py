"""``drain``: how long endless exchanges go on, and how long lost ones count."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.config import Settings
from gateway.config.settings import Drain

Load = Callable[..., Settings]
Errors = Callable[..., list[str]]


def test_drains_have_a_grace_and_a_time_for_orphans_unless_told_otherwise(read: Load) -> None:
    assert read("").drain == Drain(grace=10.0, orphans=300.0)
    assert read("drain:\n").drain == Drain()


def test_both_times_of_drains_are_durations(read: Load) -> None:
    assert read("drain: {grace: 0, orphans: 1h}").drain == Drain(0.0, 3600.0)
    environ = {"GATEWAY_DRAIN_GRACE": "5s", "GATEWAY_DRAIN_ORPHANS": "90"}
    assert read("drain: {grace: 1s}", environ).drain == Drain(5.0, 90.0)


@pytest.mark.parametrize("key", ["grace", "orphans"])
def test_what_is_no_duration_is_refused(errors: Errors, key: str) -> None:
    (found,) = errors(f"drain: {{{key}: soon}}")
    assert found.startswith(f"config.yaml:1: drain.{key}: ")


def test_other_keys_of_drain_are_unknown(errors: Errors) -> None:
    (found,) = errors("drain: {graces: 1}")
    assert 'unknown key; did you mean "grace"' in found
