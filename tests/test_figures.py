"""What one worker makes of its own figures and of those that others have told."""

from __future__ import annotations

from collections import Counter

import pytest

from gateway.control.services import Traffic
from gateway.state.lease import Lease, boot_time
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
    assert told.gauges["gateway_lease_age_seconds"].value < 60


def test_the_lease_of_a_worker_that_hangs_grows_old() -> None:
    shared = SharedTally(2)
    one = figures(shared.take(), in_flight=0, held={})
    hangs = Lease(boot=lambda: boot_time() - 7.0)
    figures(shared.take(), in_flight=0, held={}, lease=hangs).publish()  # and then no more
    assert one.of_all().gauges["gateway_lease_age_seconds"].value == pytest.approx(7.0, abs=5.0)


def test_the_yaml_is_as_old_as_for_the_worker_that_read_it_first() -> None:
    shared = SharedTally(2)
    one = figures(shared.take(), in_flight=0, held={}, config_read_at=200.0)
    figures(shared.take(), in_flight=0, held={}, config_read_at=100.0).publish()
    assert one.of_all().gauges["gateway_config_read_timestamp_seconds"].value == 100.0


def test_what_workers_take_is_added_up() -> None:
    shared = SharedTally(2)
    one = figures(shared.take(), in_flight=0, held={})
    alone = one.of_all()
    figures(shared.take(), in_flight=0, held={}).publish()
    both = one.of_all()
    memory = both.gauges["gateway_memory_bytes"].value
    assert memory == pytest.approx(2 * alone.gauges["gateway_memory_bytes"].value, rel=0.2)
    assert memory > 20_000_000
    assert both.tally.cpu >= 2 * alone.tally.cpu > 0
