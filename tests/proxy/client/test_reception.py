"""Calls of the control plane over the public port: what keeps them waiting, and what does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

import pytest

from gateway.config.settings import Control
from gateway.core.flags import Flag, FlagState
from gateway.proxy.client.reception import MOST_FORMS, Reception
from tests.support.proxy_stage import Stage
from tests.support.wire import head, ok

ASKING = Flag("site", FlagState(enabled=False, ttl=0))


class ControlPlane(asyncio.Protocol):
    """Answers each call in one packet, but for forms: those it waits for."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not data.startswith(b"POST /log"):
            self._answer()

    def _answer(self) -> None:
        self._transport.write(head(b"HTTP/1.1 200 OK", b"Content-Length: 2") + b"ok")


@pytest.fixture
async def stage(start: Any) -> AsyncIterator[Stage]:
    """A flag with TTL 0 and a store that does not answer; calls are taken at /-/maintenance."""
    stage: Stage = await start(ASKING)
    stage.listener.shut()
    settings = replace(stage.live.settings, control=Control(path="/-/maintenance"))
    stage.plane.reception = reception = Reception(settings, ControlPlane)
    reception.start()
    stage.listener.open()
    await stage.until(lambda: stage.listener.listening, "it listens again")
    stage.live.answers.clear()
    yield stage
    reception.stop()


async def test_no_call_waits_for_a_store_that_a_flag_with_ttl_0_asks(stage: Stage) -> None:
    client = await stage.client()
    for target in (b"/-/maintenance/api/v1/flags", b"/-/maintenance/healthz"):
        await client.get(target)
        assert (await client.answer()).status == 200
    await client.get(b"/-/maintenance")
    assert (await client.answer()).status == 308
    assert stage.live.asked == 0


async def test_strangers_with_slow_forms_keep_nobody_else_out(stage: Stage) -> None:
    form = (b"Host: a", b"Content-Length: 9")
    for number in range(MOST_FORMS):
        sender = await stage.client()
        target = b"/login" if number % 2 else b"/logout?x"
        await sender.send(head(b"POST /-/maintenance%b HTTP/1.1" % target, *form) + b"token")
    reception = stage.plane.reception
    assert reception is not None
    calls = reception.plane.in_flight
    await stage.until(lambda: len(calls) == MOST_FORMS, "all of them are under way")

    client = await stage.client()
    await client.get(b"/-/maintenance/login")
    assert (await client.answer()).status == 503
    await client.get(b"/-/maintenance/api/v1/flags")
    assert (await client.answer()).status == 200


async def test_what_is_no_call_waits_as_ever(stage: Stage) -> None:
    client = await stage.client()
    await client.get(b"/-/maintenances")
    await stage.until(lambda: stage.live.asked == 1, "the store is asked")
    assert client.silent()
    stage.live.answers.set()
    app, _ = await stage.app.serve()
    await app.send(ok())
    assert (await client.answer()).status == 200
