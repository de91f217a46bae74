"""How many members serve less than they should, by what their records say.

Theory of operation. A record is written every three seconds, and at once only where a drain or a
guard waits for it. So just after a flip every member seems to be behind, and where a flip follows
another each second they would seem so for ever. What counts is what this member itself served
``PATIENCE`` ago: who has not acknowledged that by now is behind.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from gateway.core.leases import MEMBER
from gateway.state.roll import Member

PATIENCE = MEMBER.every + 2.0  # seconds: a beat, its write, and a look each second


class Behind:
    """``look`` at each read of the members' records; ``count`` is what the last one came to."""

    def __init__(self) -> None:
        self.count = 0
        self._served: deque[tuple[float, int]] = deque()
        self._least = 0

    def look(self, members: Iterable[Member], revision: int, now: float) -> None:
        """``revision`` is what this member serves ``now`` (seconds, monotonic).

        Of members that beat, those are behind that acknowledge none (their YAML is not the one
        that the store has, or the store has lost its history), or one that is too old.
        """
        if not self._served or self._served[-1][1] != revision:
            self._served.append((now, revision))
        while self._served and self._served[0][0] <= now - PATIENCE:
            self._least = self._served.popleft()[1]
        here = [member for member in members if member.is_here]
        self.count = sum(each.revision is None or each.revision < self._least for each in here)
