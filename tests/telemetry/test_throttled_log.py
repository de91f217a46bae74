"""A warning said a few times a minute, however often it is meant."""

from __future__ import annotations

import logging

import pytest

from gateway.telemetry.throttled_log import EVERY, ThrottledLog


def test_what_is_left_out_is_counted_with_the_next_line(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    trouble = ThrottledLog(logging.getLogger("trouble"), lambda: now[0])
    for _ in range(4):
        trouble.warning("502: refused")
    now[0] = EVERY
    trouble.warning("504: slow")
    now[0] = 3 * EVERY
    trouble.warning("504: slow")

    assert caplog.messages == ["502: refused", "504: slow (and 3 like it)", "504: slow"]
