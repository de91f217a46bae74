"""A gateway that is told to end goes on until nobody is sent to it, and costs no request then."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.exchange import Ask, Line
from tests.support.gateway_process import GatewayProcess
from tests.support.plain_app import PlainApp
from tests.support.servers import accepts, wait_until
from tests.support.workers import Load, children, gone

FLAGS = "flags: {site: {}}\n"
LONG = "timeouts: {linger: 60s, shutdown: 60s}\n"  # a fail-safe: nobody waits for its end


@pytest.fixture
def app() -> Iterator[PlainApp]:
    with PlainApp() as app:
        yield app


def tell(gateway: GatewayProcess) -> None:
    os.kill(gateway.program.pid, signal.SIGTERM)


def leaves(gateway: GatewayProcess) -> bool:
    reply = gateway.call("GET", "/readyz?for=traffic", token=None)
    return reply.status == 503 and "is to end" in reply.document["detail"]


@pytest.mark.parametrize("workers", [1, 2])
def test_no_request_is_lost_while_it_lingers(app: PlainApp, tmp_path: Path, workers: int) -> None:
    extra = f"{LONG}workers: {workers}\n"
    with GatewayProcess(tmp_path, app.url, FLAGS, extra=extra) as gateway:
        kept = Line(gateway.port)
        assert kept.ask(Ask("/")).one("connection") != "close"
        with Load(gateway.port) as load:
            load.go_on(50)
            tell(gateway)
            wait_until(lambda: leaves(gateway), "the platform is told")
            load.go_on(100)
        assert load.lost == []
        # Whoever has kept a connection is told before it ends, and comes on another one.
        assert kept.ask(Ask("/")).one("connection") == "close"
        kept.close()
        assert gateway.call("GET", "/healthz", token=None).status == 200
        tell(gateway)  # once more: at once
        assert gateway.program.wait() == 0


def test_it_ends_when_it_has_lingered(app: PlainApp, tmp_path: Path) -> None:
    extra = "timeouts: {linger: 200ms}\nworkers: 2\n"
    with GatewayProcess(tmp_path, app.url, FLAGS, extra=extra) as gateway:
        assert gateway.program.terminate() == 0
        assert "lingering for 0.2 s" in gateway.log_tail()
        assert "SIGKILL" not in gateway.log_tail()


def test_nobody_lingers_where_the_supervisor_was_killed(app: PlainApp, tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, app.url, FLAGS, extra=f"{LONG}workers: 2\n") as gateway:
        workers = children(gateway.program.pid)
        os.kill(gateway.program.pid, signal.SIGKILL)
        wait_until(lambda: all(map(gone, workers)), "the workers have ended")
        assert not accepts(gateway.port)
