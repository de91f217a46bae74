"""WebSocket peers of other people's say the same through the gateway as straight to the server.

``make conformance`` has the same with a gigabyte of frames, with npm's ``ws`` and beside nginx.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance import clients, frames
from tests.support.gateway_process import GatewayProcess
from tests.support.ports import free_port
from tests.support.servers import BIN, Program

ROOT = Path(__file__).parents[2]
Ports = tuple[int, int]


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    """The echo server's, and the gateway's in front of it."""
    folder, port = tmp_path_factory.mktemp("echo"), free_port()
    command = [str(BIN / "python"), "-m", "tests.conformance.echo", str(port)]
    echo = Program("echo", command, log=folder / "echo.log", ports=[port], cwd=ROOT)
    upstream = f"http://127.0.0.1:{port}"
    with echo, GatewayProcess(folder / "gateway", upstream, "flags: {site: {}}\n") as gateway:
        yield port, gateway.port


def test_raw_frames_right_and_wrong_get_the_same_verdicts(ports: Ports) -> None:
    straight, through = map(frames.verdicts, ports)

    assert through == straight
    assert "close 1002" in straight["opcode 3"]


def test_the_websockets_client_sees_the_same(ports: Ports) -> None:
    straight, through = map(clients.verdicts, ports)

    assert through == straight
    assert "True" in straight["messages, deflate"]
    assert "False" not in straight["messages, deflate"]


def test_16_mib_of_frames_come_back_as_they_were(ports: Ports) -> None:
    assert clients.bulk(ports[1], "", 16 << 20).same
