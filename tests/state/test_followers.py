"""What goes on beside the callers never ends unseen."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from gateway.state.followers import Followers
from tests.state.stage import Log
from tests.support.members import soon


class Work:
    """Fails as often as it is told to, then goes on for ever."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.began = 0
        self.goes_on = asyncio.Event()

    async def __call__(self) -> None:
        self.began += 1
        if self.errors:
            raise self.errors.pop(0)
        self.goes_on.set()
        await asyncio.Event().wait()


async def test_one_that_fails_is_started_again_and_shown_until_it_has_gone_on(log: Log) -> None:
    followers, work = Followers(pause=0.001, calm=0.05), Work(RecursionError("too deep"))
    followers.start("following the YAML", work)
    await work.goes_on.wait()
    assert followers.failures == {"following the YAML": "RecursionError: too deep"}
    await log.until("following the YAML goes on")
    assert followers.failures == {}
    await followers.close()


async def test_one_that_ends_by_itself_has_failed(log: Log) -> None:
    followers, ends = Followers(pause=0.001), 0

    async def work() -> None:
        nonlocal ends
        ends += 1

    followers.start("answering drains", work)
    await soon(lambda: ends >= 2)
    assert followers.failures == {"answering drains": "RuntimeError: it ended"}
    await followers.close()


async def test_the_same_failure_is_logged_with_its_traceback_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    work = Work(*(RuntimeError("again") for _ in range(3)), RuntimeError("another"))
    followers = Followers(pause=0.001)
    followers.start("following the store", work)
    await work.goes_on.wait()
    assert [bool(record.exc_info) for record in caplog.records] == [True, False, False, True]
    await followers.close()


async def test_each_pause_is_longer_than_the_one_before_up_to_the_last(log: Log) -> None:
    followers = Followers(pause=0.001, last=0.004)
    work = Work(*(RuntimeError("again") for _ in range(5)))
    followers.start("following the store", work)
    await work.goes_on.wait()
    pauses = [line.rpartition(" in ")[2] for line in log.lines]
    assert pauses == ["0.001 s", "0.002 s", "0.004 s", "0.004 s", "0.004 s"]
    await followers.close()


async def test_ending_one_leaves_the_others() -> None:
    followers, one, other = Followers(pause=0.001), Work(), Work(RuntimeError("once"))
    end = followers.start("one", one)
    await one.goes_on.wait()
    followers.start("other", other)
    await end()
    await other.goes_on.wait()
    assert (one.began, other.began) == (1, 2)
    await followers.close()
    await followers.close()


async def test_one_that_loses_its_cancellation_ends_all_the_same() -> None:
    followers, goes_on = Followers(), asyncio.Event()

    async def work() -> None:
        goes_on.set()
        with contextlib.suppress(asyncio.CancelledError):  # as in a call that swallows it
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    end = followers.start("answering drains", work)
    await goes_on.wait()
    async with asyncio.timeout(60):
        await end()
