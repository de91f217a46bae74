"""A warning that may be meant a thousand times a second, said a few times a minute."""

from __future__ import annotations

import logging
from collections.abc import Callable

EVERY = 5.0  # seconds between two lines


class ThrottledLog:
    """Says the first at once, then at most one in ``EVERY`` seconds, with how many were left out.

    ``clock`` is in seconds and never goes back.
    """

    def __init__(self, log: logging.Logger, clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._next = 0.0
        self._left_out = 0

    def warning(self, text: str) -> None:
        now = self._clock()
        if now < self._next:
            self._left_out += 1
            return
        more = f" (and {self._left_out} like it)" if self._left_out else ""
        self._log.warning("%s%s", text, more)
        self._next, self._left_out = now + EVERY, 0
