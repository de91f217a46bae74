"""A member's own lease: how old it is."""

from __future__ import annotations

from gateway.state.lease import Lease


class Clocks:
    boot = 100.0

    def lease(self) -> Lease:
        return Lease(boot=lambda: self.boot, wall=lambda: self.boot)


def test_a_lease_is_as_old_as_the_start_of_its_last_renewal() -> None:
    clocks = Clocks()
    lease = clocks.lease()
    for _ in range(2):
        began = lease.begin()
        clocks.boot += 1.0
        lease.renewed(began)
        lease.loaded(lease.renewals)
        assert lease.renewed_at == began.boot
        clocks.boot += 2.0


def test_a_renewal_that_came_too_late_counts_once_the_state_is_loaded() -> None:
    clocks = Clocks()
    lease = clocks.lease()
    began = lease.begin()
    lease.renewed(began)
    assert lease.renewed_at == 100.0
    clocks.boot += 60.0
    late = lease.begin()
    lease.renewed(late)
    assert lease.waits_for_load
    assert lease.renewed_at == began.boot
    lease.loaded(lease.renewals)
    assert lease.renewed_at == late.boot


def test_a_lease_that_is_lost_goes_on_growing_old() -> None:
    clocks = Clocks()
    lease = clocks.lease()
    clocks.boot += 30.0
    lease.renewed(lease.begin())
    lease.loaded(lease.renewals)
    lease.lose()
    assert lease.renewed_at == 130.0
