"""The access log of a gateway with several workers: one file, nothing lost, nothing secret."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.exchange import Ask, exchange
from tests.support.gateway_process import TOKEN, GatewayProcess
from tests.support.plain_app import PlainApp
from tests.support.servers import wait_until
from tests.support.workers import children, lines_by_worker, listening

KEY = "toggle-key-of-the-tests"
FLAGS = "flags: {site: {}, gone: {paths: [/gone], enabled: true}}\n"


class Logging(GatewayProcess):
    """Two workers, the control plane on the public port, and a log in a folder of its own."""

    def config_text(self, flags: str) -> str:
        toggle = f"toggle: {{path: /maintenance, key: {KEY}}}"
        written = super().config_text(flags)
        return (
            written.replace(f"token: {TOKEN}}}", f"token: {TOKEN}, path: /-/control, {toggle}}}")
            + "workers: 2\naccess_log: {path: logs/access.log}\n"
        )

    @property
    def log(self) -> Path:
        return self.folder / "logs" / "access.log"


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Logging]:
    folder = tmp_path_factory.mktemp("logging")
    (folder / "logs").mkdir()
    with PlainApp() as app, Logging(folder, app.url, FLAGS) as running:
        wait_until(lambda: len(workers(running)) == 2, "both workers listen")
        yield running


def workers(gateway: GatewayProcess) -> set[int]:
    return {pid for pid in children(gateway.program.pid) if listening(pid, gateway.port)}


def test_all_workers_append_to_one_file_and_none_loses_a_line(gateway: Logging) -> None:
    lines = lines_by_worker(gateway.program.pid, gateway.port)
    for mine in lines.values():
        for number in range(300):
            assert mine[0].ask(Ask(f"/of-all?n={number}")).status == 200
    found: list[dict[str, Any]] = []

    def written() -> bool:
        found[:] = [line for line in read(gateway.log) if line["target"].startswith("/of-all")]
        return len(found) == 600

    wait_until(written, "every line is there")
    assert Counter(line["member"] for line in found).most_common()[0][1] == 300
    assert {line["status"] for line in found} == {200}
    for mine in lines.values():
        for line in mine:
            line.close()


def test_a_rotated_log_is_gone_on_with_in_a_new_file(gateway: Logging) -> None:
    old = gateway.log.with_suffix(".log.1")
    gateway.log.rename(old)
    assert exchange(gateway.port, Ask("/after-rotation")).status == 200
    wait_until(gateway.log.exists, "there is a new one")
    wait_until(
        lambda: any(line["target"] == "/after-rotation" for line in read(gateway.log)), "its line"
    )


def test_calls_on_the_public_port_are_logged_without_their_secrets(gateway: Logging) -> None:
    bearer = (("Authorization", f"Bearer {TOKEN}"),)
    asks = [
        Ask("/-/control/api/v1/flags", fields=bearer),
        Ask(f"/maintenance?access_key={KEY}"),
        Ask(f"/maintenance/?access_key={KEY}"),
        Ask(f"/-/control/api/v1/explain?url=/&header=Cookie:{KEY}", fields=bearer),
    ]
    for ask in asks:
        exchange(gateway.port, ask)
    seen = {"/-/control/api/v1/flags", "/maintenance?***", "/-/control/api/v1/explain?***"}
    wait_until(lambda: seen <= {line["target"] for line in read(gateway.log)}, "their lines")
    wait_until(lambda: b"/maintenance/?***" in gateway.log.read_bytes(), "the app's, too")
    of_calls = [line for line in read(gateway.log) if line["target"] in seen]
    assert {(line["reason"], line["decision"]) for line in of_calls} == {("own_path", None)}
    assert KEY.encode() not in gateway.log.read_bytes()
    assert TOKEN.encode() not in gateway.log.read_bytes()


def test_lines_are_written_when_workers_are_replaced_and_when_they_end(gateway: Logging) -> None:
    before = workers(gateway)
    assert exchange(gateway.port, Ask("/gone")).status == 503
    os.kill(gateway.program.pid, signal.SIGHUP)
    wait_until(lambda: not before & set(children(gateway.program.pid)), "all are replaced")
    refused = [line for line in read(gateway.log) if line["target"] == "/gone"]
    assert [(line["flag"], line["decision"], line["status"]) for line in refused] == [
        ("gone", "refuse", 503)
    ]
    wait_until(lambda: len(workers(gateway)) == 2, "new ones listen")
    assert exchange(gateway.port, Ask("/last")).status == 200
    os.kill(gateway.program.pid, signal.SIGTERM)
    wait_until(lambda: not children(gateway.program.pid), "all have ended")
    assert any(line["target"] == "/last" for line in read(gateway.log))
