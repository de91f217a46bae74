"""Whether the store is reached and believed, since when it is not, and when it is tried again."""

from __future__ import annotations

import logging

FIRST_RETRY, LAST_RETRY = 0.1, 5.0  # seconds between tries to reach the store

_log = logging.getLogger("gateway.state")


class Reach:
    """``error`` says why the last try failed, None if it did not; ``retry`` is seconds, or 0.

    What is due by the clock has a back-off of its own (``pause``, in seconds): a store that can be
    read but not written is no longer out of reach after the next read.
    """

    def __init__(self) -> None:
        self.error: str | None = None
        self.retry = 0.0
        self.pause = 0.0

    def reached(self, *, tell: bool) -> None:
        """The store has answered. ``tell``: the log is to have it, if it had not for a while."""
        if self.error is not None and tell and not self.pause:
            _log.warning("the store is back")
        self.error, self.retry = None, 0.0

    def failed(self, error: Exception, *, tell: bool) -> None:
        """It has not, or cannot be believed."""
        if self.error is None and tell and not self.pause:
            _log.error("the store cannot be reached, the last known state goes on: %s", error)
        self.error = str(error)
        self.retry = _longer(self.retry)

    def settled(self) -> None:
        """What was due is written."""
        if self.pause:
            _log.warning("the store takes writes again")
        self.pause = 0.0

    def unsettled(self) -> None:
        """What was due could not be written."""
        self.pause = _longer(self.pause)


def _longer(pause: float) -> float:
    return min(max(pause * 2, FIRST_RETRY), LAST_RETRY)
