"""Counts in shared memory: never torn, never lost with a process, never counted twice."""

from __future__ import annotations

import os
import signal

import pytest

from gateway.telemetry.shared_tally import BUFFER, Count, Desk, SharedTally
from gateway.telemetry.tally import Tally


def counted(forwarded: int, *, flag: str = "site") -> Count:
    tally = Tally()
    tally.connections = tally.forwarded = forwarded
    tally.refused = {flag: forwarded}
    tally.answered(200, 0.002, 0.00001)
    tally.failed(502)
    tally.say(400)
    return Count(tally, {"in_flight": float(forwarded)})


def test_counts_of_all_processes_add_up() -> None:
    shared = SharedTally(3)
    for forwarded in (1, 20, 300):
        shared.take().publish(counted(forwarded))

    total, gauges = shared.read()

    assert total.forwarded == 321
    assert total.refused == {"site": 321}
    assert total.answers == [0, 0, 3, 0, 0, 0]
    assert (total.failures, total.own) == ({502: 3}, {400: 3})
    assert sorted(each["in_flight"] for each in gauges) == [1, 20, 300]


def test_counts_outlive_their_process_and_its_gauges_do_not() -> None:
    shared = SharedTally(2)
    one, other = shared.take(), shared.take()
    one.publish(counted(5))
    other.publish(counted(7, flag="search"))

    shared.end(one)

    total, gauges = shared.read()
    assert total.forwarded == 12
    assert total.refused == {"site": 5, "search": 7}
    assert [each["in_flight"] for each in gauges] == [7]


def test_place_is_given_again_and_counted_once() -> None:
    shared = SharedTally(1)
    for _ in range(3):
        desk = shared.take()
        assert shared.free == 0
        desk.publish(counted(10))
        shared.end(desk)

    assert shared.free == 1
    assert shared.read()[0].forwarded == 30


def test_process_that_told_nothing_leaves_nothing() -> None:
    shared = SharedTally(1)
    first = shared.take()
    first.publish(counted(10))
    shared.end(first)
    shared.end(shared.take())

    assert shared.read()[0].forwarded == 10


def test_flags_beyond_the_room_cost_their_own_counts_alone() -> None:
    shared = SharedTally(1)
    tally = Tally()
    tally.forwarded = 9
    tally.refused = {f"{number}-{'x' * 100}": number for number in range(BUFFER // 100)}
    tally.held = {"site": 3}
    shared.take().publish(Count(tally))

    total, _ = shared.read()

    assert total.forwarded == 9
    assert 1500 < len(total.refused) < len(tally.refused)
    assert total.held == {}
    assert all(tally.refused[flag] == count for flag, count in total.refused.items())


# The child does nothing but write, so threads of the test's own process do not matter to it.
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_reader_never_sees_half_a_write_of_a_process_that_is_killed() -> None:
    """Every write has the same number in all its fields, and no number is lower than before."""
    shared = SharedTally(1)
    last = 0
    for _ in range(6):
        desk = shared.take()
        pid = os.fork()
        if pid == 0:
            publish_for_ever(desk)
        seen = 0
        while seen < 300:
            total, _gauges = shared.read()
            assert total.connections == total.forwarded == sum(total.refused.values())
            assert total.forwarded >= last
            seen += total.forwarded > last
            last = total.forwarded
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        shared.end(desk)


def publish_for_ever(desk: Desk) -> None:
    try:
        number = 0
        while os.getppid() != 1:
            number += 1
            desk.publish(counted(number, flag="a-flag-" * (number % 50 + 1)))
    finally:
        os._exit(0)
