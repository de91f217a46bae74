"""Whole members in one process: real states, drains and stores over tables of fake exchanges."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from gateway.config.settings import Address, Settings
from gateway.core.evidence import Evidence
from gateway.core.flags import Flag
from gateway.core.request import Facts
from gateway.core.rules import Rule
from gateway.state.drains import Drains, Request
from gateway.state.elsewhere import Elsewhere
from gateway.state.guards import Guards
from gateway.state.lease import Lease
from gateway.state.live import LiveState
from gateway.state.membership import Membership
from gateway.state.processes import Process, Worker
from gateway.state.reports import Reports
from gateway.state.traffic import Counts
from gateway.state.waker import Waker
from gateway.stores.base import Store, StoreError
from gateway.stores.memory import MemoryStore

__all__ = ["AheadClock", "Exchange", "MemberOfMany", "Request", "SharedStore", "Table"]


@dataclass(eq=False)
class Exchange:
    """One exchange: ``state`` is in_flight, abandoned, finished or cut."""

    request: Facts
    revision: int
    endless: bool = False
    state: str = "in_flight"


@dataclass
class Watched:
    exchanges: list[Exchange]

    def counts(self) -> Counts:
        states = [exchange.state for exchange in self.exchanges]
        return Counts(*(states.count(each) for each in Counts.__slots__))

    def close_endless(self) -> None:
        for exchange in self.exchanges:
            if exchange.endless and exchange.state == "in_flight":
                exchange.state = "cut"


@dataclass
class Table:
    """The in-flight table that a data plane would keep."""

    exchanges: list[Exchange] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(each.state == "in_flight" for each in self.exchanges)

    @property
    def abandoned(self) -> int:
        return sum(each.state == "abandoned" for each in self.exchanges)

    async def concerned(self, rules: Sequence[Rule]) -> list[int]:
        return [len(self.watch(rule, None, 1 << 62).exchanges) for rule in rules]

    def watch(self, rule: Rule, user: str | None, below: int) -> Watched:
        return Watched(
            [
                each
                for each in self.exchanges
                if each.state in {"in_flight", "abandoned"}
                and each.revision < below
                and rule.concerns(Evidence(each.request), user)
            ]
        )


@dataclass
class MemberOfMany:
    """One member, started: everything that a worker has but sockets."""

    name: str
    live: LiveState
    table: Table
    membership: Membership
    reports: Reports
    drains: Drains
    guards: Guards
    elsewhere: Elsewhere
    waker: Waker
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def admit(self, request: Facts, **more: object) -> Exchange:
        exchange = Exchange(request, self.live.current().revision, **more)  # type: ignore[arg-type]
        self.table.exchanges.append(exchange)
        return exchange

    async def start(self) -> None:
        await self.live.start()
        await self.membership.start()
        self.tasks = [asyncio.create_task(each.run()) for each in (self.waker, self.reports)]

    async def freeze(self) -> None:
        """Its tasks do nothing more; its record stays."""
        tasks, self.tasks = self.tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.membership.stop()

    async def close(self) -> None:
        await self.freeze()
        await self.live.close()


class SharedStore(MemoryStore):
    """Members that close leave it open for the others; out of reach while ``broken``."""

    broken = False

    async def close(self) -> None:
        pass

    def _check(self) -> None:
        super()._check()
        if self.broken:
            raise StoreError("out of reach")


class AheadClock:
    """The real time, and what a test adds to it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


async def soon(holds: Callable[[], object]) -> None:
    """Wait until it holds: a minute at most."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 what is waited for tells nobody
            await asyncio.sleep(0.001)


def member(
    name: str,
    store: Store,
    *flags: Flag,
    monotonic: Callable[[], float],
    wall: Callable[[], float] | None = None,
    process: Process | None = None,
    clock: Callable[[], float] = time.time,
) -> MemberOfMany:
    lease = Lease(boot=monotonic, wall=wall or monotonic)
    settings = Settings(upstream=Address("127.0.0.1", 8000), store="memory:", flags=flags)
    live = LiveState(settings, store, clock=clock, environ={}, lease=lease)
    table, waker = Table(), Waker(store)
    worker = Worker(name, process or Process("host", "", 1, "1"))
    membership = Membership(worker, store, live, table, lease, monotonic=monotonic)
    guards = Guards(store, monotonic=monotonic)
    return MemberOfMany(
        name,
        live,
        table,
        membership,
        Reports(membership, store, live, table, waker, guards.all, monotonic=monotonic),
        Drains(membership, store, live, waker),
        guards,
        Elsewhere(store),
        waker,
    )
