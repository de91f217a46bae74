"""One read for many, and never one that began before the question."""

from __future__ import annotations

import asyncio

import pytest

from gateway.state.shared_read import SharedRead


class Reading:
    """Each read waits to be let through and answers its number."""

    def __init__(self) -> None:
        self.begun = 0
        self.beginnings: asyncio.Queue[int] = asyncio.Queue()
        self.let = asyncio.Semaphore(0)

    async def __call__(self) -> int:
        self.begun += 1
        number = self.begun
        self.beginnings.put_nowait(number)
        await self.let.acquire()
        return number

    async def until_begun(self, number: int) -> None:
        assert await asyncio.wait_for(self.beginnings.get(), 5) == number


async def test_callers_that_ask_together_share_one_read() -> None:
    reading = Reading()
    reading.let.release()
    shared = SharedRead(reading)
    assert await asyncio.gather(*(shared() for _ in range(50))) == [1] * 50


async def test_a_caller_never_gets_a_read_that_had_begun() -> None:
    reading = Reading()
    shared = SharedRead(reading)
    first = asyncio.ensure_future(shared())
    await reading.until_begun(1)
    later = [asyncio.ensure_future(shared()) for _ in range(50)]
    reading.let.release()
    assert await first == 1
    await reading.until_begun(2)
    reading.let.release()
    assert await asyncio.gather(*later) == [2] * 50


async def test_a_cancelled_caller_does_not_stop_the_others() -> None:
    reading = Reading()
    shared = SharedRead(reading)
    first, second = asyncio.ensure_future(shared()), asyncio.ensure_future(shared())
    await reading.until_begun(1)
    first.cancel()
    reading.let.release()
    assert await second == 1


async def test_a_failed_read_fails_its_callers_and_not_the_next() -> None:
    answers = [LookupError("gone"), None]

    async def read() -> str:
        if error := answers.pop(0):
            raise error
        return "read"

    shared = SharedRead(read)
    with pytest.raises(LookupError):
        await shared()
    assert await shared() == "read"


async def test_closing_cancels_what_is_under_way() -> None:
    shared = SharedRead(Reading())
    asked = asyncio.ensure_future(shared())
    await asyncio.sleep(0)
    await shared.close()
    with pytest.raises(asyncio.CancelledError):
        await asked
