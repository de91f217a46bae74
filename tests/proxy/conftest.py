"""Data planes on uvloop, as in production."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
import uvloop

from gateway.config.settings import Address, Settings
from gateway.core.flags import Flag
from tests.support.proxy_stage import FakeLive, Stage
from tests.support.wire import RawApp


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def start(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Any]:
    """Starts stages: ``await start(Flag(...), timeouts=Timeouts(header=1))``.

    Each test must leave no connection, no exchange and no logged error behind.
    """
    stages: list[Stage] = []
    loop = asyncio.get_running_loop()
    errors: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _loop, context: errors.append(context))

    async def start(
        *flags: Flag, app: RawApp | None = None, upstream: Address | None = None, **settings: Any
    ) -> Stage:
        app = app or RawApp()
        basis = Settings(
            upstream=upstream or Address("127.0.0.1", app.port),
            listen=Address("127.0.0.1", 0),
            flags=flags,
        )
        stage = Stage(app, FakeLive(replace(basis, **settings)))
        stages.append(stage)
        await stage.open()
        return stage

    yield start
    for stage in stages:
        await stage.close()
    assert errors == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.fixture
async def stage(start: Any) -> Stage:
    """No flag, plain settings."""
    made: Stage = await start()
    return made
