"""Whether the store is reached and believed, since when it is not, and when it is tried again."""

from __future__ import annotations

import logging

FIRST_RETRY, LAST_RETRY = 0.1, 5.0  # seconds between tries to reach the store

_log = logging.getLogger("gateway.state")


class Reach:
    """``error`` says why the last try failed, None if it did not; ``retry`` is seconds, or 0."""

    def __init__(self) -> None:
        self.error: str | None = None
        self.retry = 0.0

    def reached(self, *, tell: bool) -> None:
        """The store has answered. ``tell``: the log is to have it, if it had not for a while."""
        if self.error is not None and tell:
            _log.warning("the store is back")
        self.error, self.retry = None, 0.0

    def failed(self, error: Exception, *, tell: bool) -> None:
        """It has not, or cannot be believed."""
        if self.error is None and tell:
            _log.error("the store cannot be reached, the last known state goes on: %s", error)
        self.error = str(error)
        self.retry = min(max(self.retry * 2, FIRST_RETRY), LAST_RETRY)
