"""What one worker makes of its own figures and of those that others have told."""

from __future__ import annotations

from collections import Counter

from gateway.control.services import Traffic
from gateway.telemetry.shared_tally import SharedTally
from tests.support.figures import figures


def test_one_worker_has_its_own_figures() -> None:
    found = figures(None, in_flight=2, held={"site": 1})
    assert found.traffic() == Traffic(2, 2, 0)
    assert found.of_all().held == {"site": 1}


def test_figures_of_all_workers_are_added_up_each_in_its_way() -> None:
    shared = SharedTally(2)
    one = figures(shared.take(), in_flight=2, held={"site": 1})
    other = figures(shared.take(), in_flight=3, held={"site": 2, "": 1}, store_error="gone")
    other.publish()
    assert one.traffic() == Traffic(5, 5, 0)
    told = one.of_all()
    assert told.held == Counter({"site": 3, "": 1})
    assert told.gauges["gateway_workers"].value == 2
    assert told.gauges["gateway_store_reachable"].value == 0
