"""Settings that change under connections which are there already."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from tests.support.proxy_stage import Stage
from tests.support.wire import ok

LOOPBACK = (ip_network("127.0.0.0/8"),)
FORGED = b"X-Forwarded-For: 10.0.0.1"


async def test_a_proxy_that_is_trusted_no_longer_is_not_on_a_kept_connection(stage: Stage) -> None:
    settings = stage.plane.settings
    stage.plane.take_settings(replace(settings, trusted_proxies=LOOPBACK))
    client = await stage.client()
    await client.get(b"/", FORGED)
    app, request = await stage.app.serve()
    assert request.one(b"X-Forwarded-For") == b"10.0.0.1, 127.0.0.1"
    stage.plane.take_settings(settings)
    await app.send(ok())
    await client.answer()
    await client.get(b"/", FORGED)

    assert (await app.message()).one(b"X-Forwarded-For") == b"127.0.0.1"


async def test_an_error_of_the_app_is_logged_and_not_shown_to_visitors(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")
    answer = await client.answer()

    assert answer.status == 502
    assert b"Content-Length" not in answer.body
    assert "Content-Length is malformed" in caplog.text
    caplog.clear()
