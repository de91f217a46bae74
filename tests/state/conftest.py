"""Live states that are closed at the end of a test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.config.settings import Settings
from gateway.state.live import LiveState
from gateway.stores.base import Store
from tests.state.stage import SETTINGS, Clock, FlakyStore, Log, Swaps, logged
from tests.support.flags import flag, user_flag
from tests.support.members import AheadClock, MemberOfMany, SharedStore, member

Start = Callable[..., Awaitable[LiveState]]
Join = Callable[..., Awaitable[MemberOfMany]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store() -> FlakyStore:
    return FlakyStore()


@pytest.fixture
def log() -> Iterator[Log]:
    with logged() as log:
        yield log


@pytest.fixture
async def start(clock: Clock, store: FlakyStore) -> AsyncIterator[Start]:
    """Starts live states: ``await start(settings, store=other)``."""
    started: list[LiveState] = []

    async def start(
        settings: Settings = SETTINGS, *, store: Store = store, **words: Any
    ) -> LiveState:
        words = {"clock": clock, "monotonic": clock, "environ": {}, **words}
        live = LiveState(settings, store, **words)
        await live.start()
        started.append(live)
        return live

    yield start
    for live in started:
        await live.close()


@pytest.fixture
async def shared() -> SharedStore:
    return SharedStore()


@pytest.fixture
def ahead() -> AheadClock:
    return AheadClock()


@pytest.fixture
async def join(shared: SharedStore, ahead: AheadClock) -> AsyncIterator[Join]:
    """Starts members of one store: a flag ``site``, a strict ``search``, a per-user ``reindex``."""
    joined: list[MemberOfMany] = []

    async def join(name: str, **words: Any) -> MemberOfMany:
        flags = (
            flag("site", enabled=False),
            replace(flag("search", "/search", enabled=False), strict=True),
            user_flag("reindex"),
        )
        found = member(name, shared, *flags, monotonic=ahead, **words)
        joined.append(found)
        await found.start()
        return found

    yield join
    for each in joined:
        await each.close()


@pytest.fixture
async def live(start: Start) -> LiveState:
    return await start()


@pytest.fixture
def swaps(live: LiveState) -> Swaps:
    return Swaps(live)
