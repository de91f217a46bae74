"""One worker's figures, of a plane and a state that are only said to be so."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from gateway.figures import WorkerFigures
from gateway.state.lease import Lease
from gateway.telemetry.shared_tally import Desk
from gateway.telemetry.tally import Tally


def figures(
    desk: Desk | None,
    *,
    in_flight: int,
    held: dict[str, int],
    lease: Lease | None = None,
    **state: Any,
) -> WorkerFigures:
    class Exchanges(list[None]):
        abandoned = 0

    plane = SimpleNamespace(
        in_flight=Exchanges([None] * in_flight),
        clients=(),
        upstreams=(),
        usher=SimpleNamespace(room=SimpleNamespace(counts=lambda: held)),
    )
    settings = SimpleNamespace(flags=())
    known = {
        "store_error": None,
        "config_errors": (),
        "config_read_at": 1_600_000_000.0,
        "settings": settings,
        **state,
    }
    tally = Tally()
    tally.forwarded = in_flight
    live = cast("Any", SimpleNamespace(**known))
    return WorkerFigures(cast("Any", plane), live, tally, lease or Lease(), desk)
