"""One sweep over everybody's deadline."""

from __future__ import annotations

import asyncio

from gateway.proxy.deadlines import NEVER, Sweep


class Waiting:
    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.times = 0

    def timed_out(self) -> None:
        self.times += 1


class Leaving(Waiting):
    """Leaves its group as it times out, as a connection that is closed does."""

    def __init__(self, deadline: float, group: set[Waiting]) -> None:
        super().__init__(deadline)
        self._group = group

    def timed_out(self) -> None:
        super().timed_out()
        self._group.discard(self)


async def test_only_those_whose_time_has_come_are_told_and_once() -> None:
    early, due, late, never = Waiting(1.0), Waiting(2.0), Waiting(2.1), Waiting(NEVER)
    sweep = Sweep(asyncio.get_running_loop(), ({early, late}, {due, never}), lambda _late: None)
    sweep.sweep(2.0)
    sweep.sweep(2.05)

    assert [one.times for one in (early, due, late, never)] == [1, 1, 0, 0]
    assert due.deadline == NEVER


async def test_a_group_may_change_under_the_sweep() -> None:
    group: set[Waiting] = set()
    group.update(Leaving(1.0, group) for _ in range(10))
    Sweep(asyncio.get_running_loop(), (group,), lambda _late: None).sweep(1.0)

    assert not group


async def test_it_goes_round_until_it_is_stopped() -> None:
    ticked = asyncio.Event()
    sweep = Sweep(asyncio.get_running_loop(), (), lambda _late: ticked.set())
    sweep.start()
    async with asyncio.timeout(60):
        await ticked.wait()
        ticked.clear()
        await ticked.wait()
    sweep.stop()
    sweep.stop()
