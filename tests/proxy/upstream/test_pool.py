"""Which kept connection is used, and which is let go."""

from __future__ import annotations

from typing import Any, cast

import pytest

from gateway.proxy.upstream.pool import MAX_IDLE, Pool


class Kept:
    """What the pool needs of a connection."""

    def __init__(self, *, quiet: bool = True) -> None:
        self.is_quiet = quiet
        self.idle_since = 0.0
        self.deadline = 0.0

    def quiet(self) -> bool:
        return self.is_quiet


@pytest.fixture
def pool() -> Any:
    return cast("Any", Pool(idle_timeout=75.0))


def test_the_warmest_connection_is_taken_first(pool: Any) -> None:
    cold, warm = Kept(), Kept()
    pool.release(cold, 1.0)
    pool.release(warm, 2.0)

    assert pool.take(None) is warm
    assert pool.take(None) is cold
    assert pool.take(None) is None


def test_a_kept_connection_has_the_idle_time(pool: Any) -> None:
    connection = Kept()
    pool.release(connection, 10.0)

    assert (connection.idle_since, connection.deadline) == (10.0, 85.0)


def test_what_may_not_be_repeated_goes_out_on_a_fresh_connection_only(pool: Any) -> None:
    connection = Kept()
    pool.release(connection, 10.0)

    assert pool.take(10.1) is None
    assert len(pool) == 1
    assert pool.take(10.0) is connection


def test_a_connection_on_which_something_arrived_is_passed_over_and_forgotten(pool: Any) -> None:
    good = Kept()
    pool.release(good, 1.0)
    pool.release(Kept(quiet=False), 2.0)

    assert pool.take(None) is good
    assert len(pool) == 0


def test_too_many_give_up_the_coldest(pool: Any) -> None:
    first = Kept()
    assert pool.release(first, 0.0) is None
    for _ in range(MAX_IDLE - 1):
        assert pool.release(Kept(), 1.0) is None

    assert pool.release(Kept(), 2.0) is first
    assert len(pool) == MAX_IDLE


def test_forgetting_is_idempotent(pool: Any) -> None:
    connection = Kept()
    pool.release(connection, 1.0)
    pool.forget(connection)
    pool.forget(connection)

    assert pool.take(None) is None
