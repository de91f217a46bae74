"""What holds now: the flags and the store's state, compiled for the present moment.

Law: within one revision time does not go back, whatever becomes of the wall clock. A drain tells
exchanges apart by the revision that let them through, so what a clock has let go at one revision
must not be held again at the same one.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.config import Settings
from gateway.core.snapshot import Snapshot, compile_snapshot
from gateway.state.passes import Passes
from gateway.stores.base import StoredState


class Present:
    """Compiles snapshots; ``clock`` is seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._passes = Passes(clock)
        self._revision = 0
        self._at = 0.0

    def now(self) -> float:
        """The time as it goes on from the last snapshot, wherever the clock was set since."""
        return max(self._clock(), self._at)

    def compiled(
        self, settings: Settings, stored: StoredState, lost: StoredState | None
    ) -> Snapshot:
        """That of ``stored``; where history was ``lost``, each flag as the stricter has it."""
        now = self._clock()
        histories = [stored.overrides] if lost is None else [stored.overrides, lost.overrides]
        self._at = max(now, self._at) if stored.revision == self._revision else now
        self._revision = stored.revision
        return compile_snapshot(
            settings.flags,
            stored.overrides,
            revision=stored.revision,
            allow=settings.allow,
            now=self._at,
            others=None if lost is None else lost.overrides,
            gates=self._passes.gates(settings.allow.key, *histories),
        )
