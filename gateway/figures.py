"""One worker's figures, and with what the others have told, those of all workers.

Each worker publishes its own at its desk, with each sweep of the plane and when it ends;
whichever of them is asked, by ``/metrics`` or for status, adds up what all have published.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from gateway.config.triggers import trigger_errors
from gateway.control.services import Traffic
from gateway.proxy.plane import DataPlane
from gateway.state.lease import Lease, boot_time
from gateway.state.live import LiveState
from gateway.telemetry.metrics import Figures, Gauge
from gateway.telemetry.shared_tally import Count, Desk
from gateway.telemetry.tally import Tally

_PAGE = os.sysconf("SC_PAGE_SIZE")  # bytes
_STATM = Path("/proc/self/statm")
_HELD = "held:"  # before a flag's name: how many wait for it, among what a worker tells


class WorkerFigures:
    """``desk`` None: this worker is the only one."""

    def __init__(
        self,
        plane: DataPlane,
        state: LiveState,
        tally: Tally,
        lease: Lease,
        desk: Desk | None = None,
    ) -> None:
        self._plane = plane
        self._state = state
        self._tally = tally
        self._lease = lease
        self._desk = desk

    def publish(self) -> None:
        """Tell the others what this worker knows now."""
        self._tally.cpu = time.process_time()
        if self._desk is not None:
            gauges = {name: gauge.value for name, gauge in self._gauges().items()}
            held = {f"{_HELD}{flag}": count for flag, count in self._held().items()}
            self._desk.publish(Count(self._tally, gauges | held))

    def of_all(self) -> Figures:
        """Of all workers: what they have last told, and what this one knows now."""
        gauges, desk = self._gauges(), self._desk
        self.publish()
        if desk is None:
            own = {name: _joined(gauge, [gauge.value]) for name, gauge in gauges.items()}
            return Figures(self._tally, own, self._held())
        tally, of_all = desk.read()
        joined = {
            name: _joined(gauge, [each[name] for each in of_all if name in each])
            for name, gauge in gauges.items()
        }
        held: Counter[str] = Counter()
        for each in of_all:
            told = {name: int(count) for name, count in each.items() if name.startswith(_HELD)}
            held.update({name.removeprefix(_HELD): count for name, count in told.items()})
        return Figures(tally, joined, held)

    def traffic(self) -> Traffic:
        """The few of them that the dashboard draws."""
        figures = self.of_all()
        in_flight = int(figures.gauges["gateway_in_flight"].value)
        refused = sum(figures.tally.refused.values())
        return Traffic(in_flight, figures.tally.forwarded, refused)

    def _gauges(self) -> dict[str, Gauge]:
        plane, state = self._plane, self._state
        reachable = state.store_error is None
        return {
            "gateway_workers": Gauge("Worker processes", 1),
            "gateway_in_flight": Gauge("Exchanges under way", len(plane.in_flight)),
            "gateway_abandoned": Gauge(
                "Exchanges given up that the app may still be at work on", plane.in_flight.abandoned
            ),
            "gateway_client_connections": Gauge("Connections of clients open", len(plane.clients)),
            "gateway_app_connections": Gauge("Connections to the app open", len(plane.upstreams)),
            "gateway_memory_bytes": Gauge("Memory of the workers that is resident", _resident()),
            "gateway_config_errors": Gauge(
                "Errors in the YAML and in trigger files as they are",
                len(state.config_errors) + len(trigger_errors(state.settings)),
                max,
            ),
            "gateway_config_read_timestamp_seconds": Gauge(
                "When the YAML was last read and found valid", state.config_read_at, min
            ),
            "gateway_store_reachable": Gauge("1 while the store answers", reachable, min),
            # Told as a moment: a worker that hangs tells nothing more, and its lease grows old.
            "gateway_lease_age_seconds": Gauge(
                "Since the lease was last renewed, of the worker for which that is longest",
                self._lease.renewed_at,
                _since_oldest,
            ),
        }

    def _held(self) -> Mapping[str, int]:
        return self._plane.usher.room.counts()


def _resident() -> int:
    """Bytes, 0 where the system does not tell; some 20 µs, five times a second."""
    try:
        return int(_STATM.read_bytes().split()[1]) * _PAGE
    except OSError:
        return 0


def _joined(gauge: Gauge, values: Iterable[float]) -> Gauge:
    return gauge._replace(value=gauge.together(values))


def _since_oldest(moments: Iterable[float]) -> float:
    return max(0.0, boot_time() - min(moments))
