"""When an edit that the store has not taken is tried again."""

from __future__ import annotations

import math

from gateway.state.definitions import define
from gateway.state.waiting_edit import WaitingEdit
from tests.state.stage import SETTINGS, Clock


def test_an_edit_is_tried_at_once_and_then_after_a_second_at_most() -> None:
    clock = Clock()
    waiting = WaitingEdit(clock)
    assert waiting.left() == math.inf
    waiting.put(define(SETTINGS))
    assert (waiting.left(), waiting.waits) == (0, False)
    pauses = []
    for _ in range(2_000):
        waiting.failed()
        pauses.append(round(waiting.left(), 1))
    assert pauses[:5] == [0.1, 0.2, 0.4, 0.8, 1.0]
    assert max(pauses) == 1.0
    assert waiting.waits


def test_a_first_try_that_takes_long_counts_as_waiting() -> None:
    clock = Clock()
    waiting = WaitingEdit(clock)
    waiting.put(define(SETTINGS))
    clock.now += 1
    assert waiting.waits
    waiting.put(None)
    assert not waiting.waits
