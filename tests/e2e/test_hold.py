"""Requests that wait at a gateway with two workers: shown by all of them, and none lost."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.exchange import Ask, Line
from tests.support.gateway_process import GatewayProcess
from tests.support.plain_app import PlainApp
from tests.support.servers import wait_until

FLAGS = "flags: {site: {hold: {for: 10m}}}\n"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    with PlainApp() as app, GatewayProcess(tmp_path, app.url, FLAGS, extra="workers: 2\n") as made:
        yield made


def held(gateway: GatewayProcess) -> int:
    count: int = gateway.call("GET", "status").document["held"]
    return count


def drain(gateway: GatewayProcess) -> None:
    assert gateway.call("POST", "flags/site/drain", {"timeout": 60}).document["drained"]


@pytest.fixture
def lines(gateway: GatewayProcess) -> Iterator[Sequence[Line]]:
    """Requests that wait, none of them in flight. The kernel spreads them over both workers."""
    lines = [Line(gateway.port) for _ in range(12)]
    assert gateway.flip("site", enabled=True, mode="hold").document["mode"] == "hold"
    drain(gateway)  # all workers have heard of it
    for number, line in enumerate(lines):
        line.send(Ask(f"/{number}", host=f"127.0.0.1:{gateway.port}").encode())
    wait_until(lambda: held(gateway) == len(lines), "all of them wait", within=60.0)
    yield lines
    for line in lines:
        line.close()


def test_all_workers_show_who_waits_and_let_them_go_on(
    gateway: GatewayProcess, lines: Sequence[Line]
) -> None:
    count = len(lines)
    (flag,) = gateway.call("GET", "flags").document["flags"]
    assert (flag["held"], flag["in_flight"]) == (count, 0)
    metrics = gateway.call("GET", "/metrics").document
    assert re.search(rf'^gateway_held\{{flag="site"\}} {count}.0$', metrics, re.MULTILINE)
    assert re.search(r'^gateway_held\{flag=""\} 0.0$', metrics, re.MULTILINE)
    assert f"0, {count} held" in gateway.cli("status").stdout
    assert f", {count} held\n" in gateway.cli("status").stdout
    assert gateway.cli("explain", "/").stdout.startswith("waits for site (site)")
    drain(gateway)

    gateway.write_config("flags: {other: {}}\n")  # the flag is gone, and so is its override
    assert [line.answer().body for line in lines] == [f"GET /{n} 0".encode() for n in range(count)]
    assert held(gateway) == 0
    metrics = gateway.call("GET", "/metrics").document
    assert re.search(
        rf'^gateway_requests_held_total\{{flag="site"\}} {count}.0$', metrics, re.MULTILINE
    )


def test_a_gateway_that_is_stopped_answers_all_who_wait(
    gateway: GatewayProcess, lines: Sequence[Line]
) -> None:
    os.kill(gateway.program.pid, signal.SIGTERM)
    assert [line.answer().status for line in lines] == [503] * len(lines)
