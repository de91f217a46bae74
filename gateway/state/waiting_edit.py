"""The edit of the YAML that the store has not taken yet, and when it is tried again.

It has a back-off of its own: a store that can be read but not written (locked, or on a full
disk) is no longer out of reach after the next read, and the edit would be forgotten.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

from gateway.config import ConfigError
from gateway.state.definitions import Definitions

FIRST_PAUSE, LAST_PAUSE = 0.1, 1.0  # seconds between two tries
LONG = 0.25  # seconds after which a first try that has not ended counts as waiting


class WaitingEdit:
    """At most one edit: a later one takes its place. ``definitions`` is None where none waits.

    ``put_off`` counts how often the store has not taken it. ``monotonic`` is in seconds.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.definitions: Definitions | None = None
        self.put_off = 0
        self._monotonic = monotonic
        self._since = self._due = 0.0

    def put(self, definitions: Definitions | None) -> None:
        """Have ``definitions`` taken in at once. None: the edit was undone."""
        self.definitions, self.put_off = definitions, 0
        self._since = self._due = self._monotonic()

    def due(self) -> Definitions | None:
        """The edit, if it is to be tried now."""
        return self.definitions if self.left() <= 0 else None

    def taken(self, definitions: Definitions) -> None:
        """The store has it; a later edit may have come meanwhile."""
        if self.definitions is definitions:
            self.put(None)

    def failed(self) -> None:
        """The store did not take it."""
        self._due = self._monotonic() + min(FIRST_PAUSE * 2 ** min(self.put_off, 8), LAST_PAUSE)
        self.put_off += 1

    def left(self) -> float:
        """Seconds until the next try; infinite where nothing waits."""
        return math.inf if self.definitions is None else self._due - self._monotonic()

    def notices(self, file: Path | None) -> tuple[ConfigError, ...]:
        """What to tell of it, as words about the YAML ``file``."""
        words = "an edit waits for the store"
        return (ConfigError(str(file or ""), None, "", words),) if self.waits else ()

    @property
    def waits(self) -> bool:
        """Whether somebody should be told: it takes longer than an edit does."""
        if self.definitions is None:
            return False
        return self.put_off > 0 or self._monotonic() - self._since > LONG
