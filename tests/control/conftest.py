"""The control plane in front of a real live state with a memory store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.config.settings import Address, Control, Settings
from gateway.control import Services, make_control
from gateway.core.flags import Flag
from gateway.core.rules import Rule
from gateway.state.live import LiveState
from gateway.stores import open_store
from gateway.stores.base import Store
from tests.support.control import NOW, REINDEX, SEARCH, SITE, TOKENS, Clock, Stage

Start = Callable[..., Awaitable[Stage]]


@pytest.fixture
async def start(aiohttp_client: Any) -> AsyncIterator[Start]:
    """Starts control planes: ``await start(tokens=TOKENS)``."""
    states: list[LiveState] = []

    async def start(
        *,
        flags: tuple[Flag, ...] = (SITE, SEARCH, REINDEX),
        store: Store | None = None,
        path: Path | None = None,
        listen: Address | None = None,
        webhooks: Any = None,
        **control: Any,
    ) -> Stage:
        settings = Settings(
            upstream=Address("127.0.0.1", 8000),
            control=Control(listen=listen or Address("127.0.0.1", 9090), **control),
            store="memory:",
            flags=flags,
            path=path,
        )
        clock, store = Clock(), store or open_store("memory:")
        state = LiveState(settings, store, clock=clock)
        await state.start()
        states.append(state)
        stage = Stage(None, state, store, clock, None)  # type: ignore[arg-type]

        async def concerned(rules: Sequence[Rule]) -> list[int]:
            return [stage.flying.get(rule.if_held.flag, 0) for rule in rules]

        stage.services = Services(
            state=state,
            webhooks=webhooks,
            metrics=lambda: stage.exposition,
            in_flight=lambda: stage.flying.get(None, 0),
            concerned=concerned,
            member=lambda: {"member": "m1", "since": NOW, "revision": state.snapshot.revision},
            held=lambda: stage.waiting,
            listening=lambda: stage.listening,
            leaving=lambda: stage.leaving,
            clock=clock,
            monotonic=clock,
        )
        stage.client = await aiohttp_client(make_control(stage.services))
        return stage

    yield start
    for state in states:
        await state.close()


@pytest.fixture
async def stage(start: Start) -> Stage:
    """Three flags and no token: this machine alone."""
    return await start()


@pytest.fixture
async def guarded(start: Start) -> Stage:
    """The same with an operator's and a viewer's token."""
    return await start(tokens=TOKENS)
