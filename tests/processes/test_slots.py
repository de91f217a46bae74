"""What a supervisor makes of what its workers say, of their silence, and of their deaths."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from gateway.processes.slots import LAST_WAIT, STEADY, Slot, Worker
from gateway.processes.worker import BEAT, FAILED, READY
from gateway.telemetry.shared_tally import SharedTally

KILLED = 9  # as waitpid says it of SIGKILL
LIMIT = 10.0


@pytest.fixture
def pair() -> Iterator[tuple[Worker, socket.socket]]:
    """A worker that nobody runs, and its end of the line."""
    ours, theirs = socket.socketpair()
    ours.settimeout(0)
    desk = SharedTally(1).take()
    with closing(ours), closing(theirs):
        yield Worker(1, 0, 1, ours, desk, started=0.0), theirs


def test_what_it_says_is_taken_in_line_by_line(pair: tuple[Worker, socket.socket]) -> None:
    worker, line = pair
    line.send(READY + BEAT + b"no flag is on\n" + BEAT + b"on: si")
    worker.hear(1.0)
    assert (worker.says_ready, worker.condition, worker.heard) == (True, "no flag is on", 1.0)

    line.send(b"te\n")
    worker.hear(2.0)
    assert (worker.condition, worker.heard) == ("on: site", 2.0)


def test_a_worker_hangs_that_is_silent_at_two_looks(pair: tuple[Worker, socket.socket]) -> None:
    worker, line = pair
    worker.ready = 0.0
    assert not worker.hangs(LIMIT, LIMIT)
    assert not worker.hangs(LIMIT + 1, LIMIT)
    assert worker.hangs(LIMIT + 2, LIMIT)

    line.send(BEAT + b"\n")
    worker.hear(LIMIT + 3)
    assert not worker.hangs(LIMIT + 3, LIMIT)


def test_a_machine_that_stood_still_makes_nobody_hang(pair: tuple[Worker, socket.socket]) -> None:
    worker, line = pair
    worker.ready = 0.0
    for hour in (1, 2, 3):
        assert not worker.hangs(hour * 3600.0, LIMIT)  # before the worker has had a turn
        line.send(BEAT + b"\n")
        worker.hear(hour * 3600.0 + 1)
        assert not worker.hangs(hour * 3600.0 + 1, LIMIT)


def test_one_that_starts_is_not_yet_expected_to_say_anything(
    pair: tuple[Worker, socket.socket],
) -> None:
    worker, _ = pair
    assert not any(worker.hangs(now, LIMIT) for now in (100.0, 200.0, 300.0))


def test_why_it_is_dead_is_what_it_said_or_what_ended_it(
    pair: tuple[Worker, socket.socket],
) -> None:
    worker, line = pair
    assert worker.failure(KILLED) == "killed by SIGKILL"
    assert worker.failure(3 << 8) == "ended with status 3"

    line.send(FAILED + b"cannot listen")
    worker.hear(1.0)
    assert worker.failure(1 << 8) == "cannot listen"


def test_deaths_in_a_row_are_made_up_for_ever_later() -> None:
    slot = Slot(0)
    waits = [slot.back_off(100.0, lived=1.0) for _ in range(8)]

    assert waits == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, LAST_WAIT, LAST_WAIT]
    assert slot.due == 100.0 + LAST_WAIT
    assert slot.back_off(200.0, lived=STEADY) == 0.0
