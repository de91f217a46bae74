"""The gateway as a service: sockets that outlive it, and what it tells of itself."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.activator import Activator, listening, port_of
from tests.support.certificates import self_signed
from tests.support.exchange import Ask, Line, exchange
from tests.support.plain_app import PlainApp
from tests.support.servers import BIN, wait_until
from tests.support.workers import Load, children

TOKEN = "service-token"
WATCHDOG = 1.0  # seconds: short, so that a hang is seen soon

Start = Callable[..., Activator]


@pytest.fixture(scope="module")
def app() -> Iterator[PlainApp]:
    with PlainApp() as app:
        yield app


@pytest.fixture
def sockets() -> Iterator[list[tuple[str, socket.socket]]]:
    """A public one and one of the control API's, as a .socket unit would have them."""
    with listening() as http, listening() as control:
        yield [("http", http), ("control", control)]


@pytest.fixture
def start(
    app: PlainApp, sockets: list[tuple[str, socket.socket]], tmp_path: Path
) -> Iterator[Start]:
    """Starts the gateway with the sockets, and with more lines in its YAML."""
    with ExitStack() as stack:

        def begin(extra: str = "", *, watchdog: float = 0.0) -> Activator:
            config = tmp_path / "config.yaml"
            config.write_text(
                f"upstream: {app.url}\n"
                "listen: systemd:http\n"
                f"control: {{listen: systemd:control, token: {TOKEN}}}\n"
                f"store: sqlite:{tmp_path}/gateway.db\n"
                f"flags: {{site: {{}}}}\n{extra}"
            )
            command = [str(BIN / "gateway"), "serve", "-c", str(config)]
            activator = Activator(command, tmp_path, sockets, watchdog=watchdog)
            stack.enter_context(activator)
            activator.start()
            return activator

        yield begin


def flip(control: int, *, on: bool) -> None:
    ask = Ask(
        "/api/v1/flags/site",
        "PATCH",
        (("Authorization", f"Bearer {TOKEN}"), ("Content-Type", "application/json")),
        json.dumps({"enabled": on}).encode(),
        host=f"127.0.0.1:{control}",
    )
    assert exchange(control, ask).status == 200


# Sockets


def test_a_restart_under_load_refuses_and_loses_nothing(
    start: Start, sockets: list[tuple[str, socket.socket]]
) -> None:
    # A kept connection may be closed just as its next request is on its way: linger is for that.
    activator = start("timeouts: {linger: 2s}\n")

    with Load(port_of(sockets[0][1]), kept=2, fresh=3) as load:
        load.go_on(30)
        activator.restart()
        load.go_on(30)

    assert load.lost == []


def test_a_restart_of_several_workers_refuses_nothing(
    start: Start, sockets: list[tuple[str, socket.socket]]
) -> None:
    activator = start("workers: 3\n")

    with Load(port_of(sockets[0][1]), kept=0, fresh=4) as load:
        load.go_on(30)
        activator.restart()
        load.go_on(30)

    assert load.lost == []


def test_who_connects_while_nobody_serves_is_answered_once_somebody_does(
    start: Start, sockets: list[tuple[str, socket.socket]]
) -> None:
    activator = start()
    flip(port_of(sockets[1][1]), on=True)
    assert activator.program.terminate() == 0
    with Line(port_of(sockets[0][1])) as waiting:
        waiting.send(b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
        activator.start()

        assert waiting.answer().status == 503


def test_files_of_unix_sockets_are_left_alone(app: PlainApp, tmp_path: Path) -> None:
    path = tmp_path / "http.sock"
    (tmp_path / "config.yaml").write_text(
        f"upstream: {app.url}\nlisten: systemd:http\ncontrol: {{listen: null}}\nworkers: 2\n"
    )
    with listening(str(path)) as http:
        command = [str(BIN / "gateway"), "serve", "-c", str(tmp_path / "config.yaml")]
        with Activator(command, tmp_path, [("http", http)]) as activator:
            activator.start()
            asked = ["curl", "-s", "--max-time", "30", "--unix-socket", str(path), "http://s/x"]
            assert subprocess.check_output(asked, text=True) == "GET /x 0"
            assert activator.program.terminate() == 0

            assert path.is_socket()
            http.setblocking(False)  # noqa: FBT003 its own signature
            with socket.socket(socket.AF_UNIX) as waiting:
                waiting.connect(str(path))
                http.accept()[0].close()


def test_tls_is_spoken_on_a_passed_socket(
    start: Start, sockets: list[tuple[str, socket.socket]], tmp_path: Path
) -> None:
    cert, key = self_signed(tmp_path, "DNS:localhost")
    start(f"tls: {{cert: {cert}, key: {key}}}\n")
    url = f"https://localhost:{port_of(sockets[0][1])}/x"
    asked = ["curl", "-sk", "--max-time", "30", "--resolve", f"{url.split('/')[2]}:127.0.0.1", url]

    assert subprocess.check_output(asked, text=True) == "GET /x 0"


def test_several_workers_replaced_at_sighup_stay_on_the_passed_socket(
    start: Start, sockets: list[tuple[str, socket.socket]]
) -> None:
    activator = start("workers: 2\n")
    with Load(port_of(sockets[0][1]), kept=2, fresh=2) as load:
        load.go_on(30)
        os.kill(activator.program.pid, signal.SIGHUP)
        activator.ear.wait_for("READY=1", times=2)
        load.go_on(30)

    assert load.lost == []


def test_a_socket_that_was_not_passed_refuses_the_start(app: PlainApp, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"upstream: {app.url}\nlisten: systemd:web\n")
    with listening() as http:
        command = [str(BIN / "gateway"), "serve", "-c", str(config)]
        with Activator(command, tmp_path, [("http", http)]) as activator:
            activator.program.start()

            assert activator.program.wait() == 2
    said = (tmp_path / "activated.log").read_text()
    assert "config.yaml:2: listen: systemd has passed no socket" in said
    assert "a socket named http, and nothing listens on it" in said


# What it tells


@pytest.mark.parametrize("workers", [1, 2])
def test_it_tells_how_it_fares(
    start: Start, sockets: list[tuple[str, socket.socket]], workers: int
) -> None:
    activator = start(f"workers: {workers}\ntimeouts: {{shutdown: 7s}}\n", watchdog=WATCHDOG)
    ear = activator.ear
    ear.wait_for("WATCHDOG=1", times=3)
    wait_until(lambda: re.search(r"revision \d+; no flag is on$", ear.status()), "a status")
    flip(port_of(sockets[1][1]), on=True)
    wait_until(lambda: ear.status().endswith("; on: site"), "the flip is told")
    if workers > 1:
        assert ear.status().startswith("2 of 2 workers serve; ")

    os.kill(activator.program.pid, signal.SIGHUP)
    ear.wait_for("READY=1", times=2)
    assert activator.program.terminate() == 0

    order = [line for line in ear.said if line in {"READY=1", "RELOADING=1", "STOPPING=1"}]
    assert order == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]
    assert "EXTEND_TIMEOUT_USEC=12000000" in ear.said


def test_a_reload_that_changes_nothing_ends_as_well(start: Start, tmp_path: Path) -> None:
    activator = start("workers: 2\n")
    config = tmp_path / "config.yaml"
    config.write_text(config.read_text() + "nonsense: 1\n")
    os.kill(activator.program.pid, signal.SIGHUP)

    activator.ear.wait_for("READY=1", times=2)
    wait_until(lambda: "the YAML is wrong" in activator.ear.status(), "the status says why")


def test_it_goes_on_where_whoever_wants_to_know_is_gone(
    start: Start, sockets: list[tuple[str, socket.socket]]
) -> None:
    activator = start()
    Path(activator.ear.address).rename(f"{activator.ear.address}.gone")
    flip(port_of(sockets[1][1]), on=True)

    assert exchange(port_of(sockets[0][1]), Ask("/")).status == 503
    assert activator.program.terminate() == 0
    Path(f"{activator.ear.address}.gone").rename(activator.ear.address)


def test_a_worker_that_hangs_is_replaced_and_the_others_serve_on(
    start: Start, sockets: list[tuple[str, socket.socket]]
) -> None:
    activator = start("workers: 2\n", watchdog=WATCHDOG)
    before = children(activator.program.pid)
    stuck = min(before)
    os.kill(stuck, signal.SIGSTOP)

    wait_until(
        lambda: len(now := children(activator.program.pid)) == 2 and stuck not in now, "another"
    )
    assert (before - {stuck}) < children(activator.program.pid)
    assert f"(pid {stuck}) hangs" in activator.program.log_tail()
    assert exchange(port_of(sockets[0][1]), Ask("/")).status == 200
    assert activator.ear.said.count("READY=1") == 1


# gateway run


APP = """
import http.server, json, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        opened = [os.readlink(f"/proc/self/fd/{each}") for each in os.listdir("/proc/self/fd")
                  if os.path.islink(f"/proc/self/fd/{each}")]
        body = json.dumps({"environ": sorted(os.environ), "sockets": [
            each for each in opened if each.startswith("socket:")]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""


def test_the_app_of_gateway_run_gets_neither_the_sockets_nor_the_variables(
    tmp_path: Path,
) -> None:
    environ = {"GATEWAY_LISTEN": "systemd:http", "GATEWAY_CONTROL_PATH": "/-/maintenance"}
    environ["GATEWAY_CONTROL_TOKEN"] = TOKEN
    command = [str(BIN / "gateway"), "run", "--", sys.executable, "-c", APP]
    with listening() as http:
        inode = f"socket:[{os.fstat(http.fileno()).st_ino}]"
        with Activator(
            command, tmp_path, [("http", http)], env=environ, watchdog=WATCHDOG
        ) as activator:
            activator.start()
            activator.ear.wait_for("WATCHDOG=1", times=2)
            port = port_of(http)
            wait_until(lambda: exchange(port, Ask("/")).status == 200, "the app is there")
            seen = json.loads(exchange(port, Ask("/")).body)

    told = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
    passed = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")
    assert not {*told, *passed} & set(seen["environ"])
    assert inode not in seen["sockets"]
