"""An app that is started together with the gateway, and when it counts as there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.proxy.upstream.startup import LATE, await_app
from tests.support.wire import within


async def test_an_app_that_takes_long_is_told_of_once(
    start: Any, caplog: pytest.LogCaptureFixture
) -> None:
    stage = await start(app_starts=True)
    plane, looks = stage.plane, 0

    async def knock() -> None:
        nonlocal looks
        looks += 1
        if looks == 4:
            found.set()

    found = asyncio.Event()
    plane.connector.knock = knock
    now = plane.time()
    plane.time = lambda: now + looks * LATE
    waiting = asyncio.ensure_future(await_app(plane))
    await within(found.wait(), "four looks")
    waiting.cancel()

    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert f"no connections on {stage.live.settings.upstream} yet" in told[0]
    assert plane.app_starts
    caplog.clear()
