"""``gateway run`` as a container runs it: it lives as long as the app, and ends as it does."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.exchange import Ask, Got, Line, exchange
from tests.support.ports import free_port
from tests.support.servers import BIN, accepts, wait_until
from tests.support.workers import children

TOKEN = "run-tests-token"
PATIENCE = 60.0  # seconds: a fail-safe that only a hang meets

# Listens once ``go`` is there, leaves an orphan that ends by itself, and ends with 7 when told.
APP = """
import http.server, json, os, pathlib, signal, sys, threading, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow":
            pathlib.Path("slow").touch()
            while not pathlib.Path("told").exists() and not pathlib.Path("done").exists():
                time.sleep(0.01)
        body = json.dumps({"environ": dict(os.environ), "pid": os.getpid()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass

def told(number, frame):
    pathlib.Path("told").touch()
    os._exit(7)

signal.signal(signal.SIGTERM, told)
signal.signal(signal.SIGUSR1, lambda *_: pathlib.Path("usr1").touch())
if os.fork() == 0:
    pid = os.fork()
    if pid:
        pathlib.Path("orphan").write_text(str(pid))
    else:
        time.sleep(0.2)
    os._exit(0)
os.wait()
print("the app is up", flush=True)
while not pathlib.Path("go").exists():
    time.sleep(0.01)
port = int(os.environ["PORT"])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""


class Run:
    """``gateway run -- COMMAND`` in a folder of its own."""

    def __init__(self, folder: Path, *command: str, extra: str = "") -> None:
        self.folder = folder
        self.port, self.control = free_port(), free_port()
        config = folder / "config.yaml"
        config.write_text(
            f"control: {{listen: '127.0.0.1:{self.control}', token: ${{GATEWAY_CONTROL_TOKEN}}}}\n"
            f"{extra}"
        )
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(BIN / "gateway"), "run", "-c", str(config), "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**os.environ, "PORT": str(self.port), "GATEWAY_CONTROL_TOKEN": TOKEN},
                start_new_session=True,
            )

    def listens(self) -> None:
        wait_until(lambda: accepts(self.port), "the gateway listens", within=PATIENCE)

    def ask(self, target: str = "/") -> Got:
        return exchange(self.port, Ask(target))

    def ready(self) -> Got:
        return exchange(self.control, Ask("/readyz", host="localhost"))

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def log(self) -> str:
        return (self.folder / "log").read_text()

    def status(self) -> int:
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(PATIENCE)


@pytest.fixture
def app(tmp_path: Path) -> tuple[str, str]:
    script = tmp_path / "app.py"
    script.write_text(textwrap.dedent(APP))
    return str(BIN / "python"), str(script)


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[Run]]:
    runs: list[Run] = []
    yield runs
    for each in runs:
        each.kill()
        sys.stderr.write(each.log())


def test_the_app_s_whole_life(tmp_path: Path, app: tuple[str, str], started: list[Run]) -> None:
    run = Run(tmp_path, *app, extra="workers: 2\n")
    started.append(run)
    run.listens()

    starting = run.ask()
    assert (starting.status, starting.one("x-maintenance-starting")) == (503, "1")
    assert starting.one("retry-after")
    wait_until(lambda: accepts(run.control), "the control API listens", within=PATIENCE)
    assert "The app takes no connections yet" in json.loads(run.ready().body)["detail"]

    (tmp_path / "go").touch()
    wait_until(lambda: run.ask().status == 200, "the app answers", within=PATIENCE)
    assert "the app is up" in run.log()
    wait_until(lambda: run.ready().status == 200, "it is ready", within=PATIENCE)
    said = json.loads(run.ask().body)
    assert int(said["environ"]["PORT"]) not in {run.port, run.control}
    assert "GATEWAY_CONTROL_TOKEN" not in said["environ"]
    assert exchange(run.control, Ask("/api/v1/flags", host="localhost")).status == 401

    os.kill(run.process.pid, signal.SIGUSR1)
    wait_until(lambda: run.has("usr1"), "the app has the signal", within=PATIENCE)
    orphan = (tmp_path / "orphan").read_text()
    wait_until(lambda: not Path(f"/proc/{orphan}").exists(), "it is reaped", within=PATIENCE)

    with Line(run.port) as line:
        line.send(Ask("/slow").encode())
        wait_until(lambda: run.has("slow"), "the app is at it", within=PATIENCE)
        os.kill(run.process.pid, signal.SIGTERM)
        wait_until(lambda: not accepts(run.port), "no more is accepted", within=PATIENCE)
        assert not run.has("told")  # before what is under way is answered
        (tmp_path / "done").touch()
        assert line.answer().status == 200
    assert run.status() == 7


@pytest.mark.parametrize("workers", [1, 2])
def test_a_sigterm_to_all_processes_at_once_cuts_nothing(
    tmp_path: Path, app: tuple[str, str], started: list[Run], workers: int
) -> None:
    """As Heroku does, but for the app: this one would not finish what it is at."""
    run = Run(tmp_path, *app, extra=f"workers: {workers}\n")
    started.append(run)
    run.listens()
    (tmp_path / "go").touch()
    wait_until(lambda: run.ask().status == 200, "the app answers", within=PATIENCE)
    with Line(run.port) as line:
        line.send(Ask("/slow").encode())
        wait_until(lambda: run.has("slow"), "the app is at it", within=PATIENCE)
        gateways = children(run.process.pid) - {json.loads(run.ask().body)["pid"]}
        gateways |= {worker for pid in gateways for worker in children(pid)}
        os.kill(run.process.pid, signal.SIGTERM)
        wait_until(lambda: not accepts(run.port), "no more is accepted", within=PATIENCE)
        for pid in gateways:
            with contextlib.suppress(ProcessLookupError):  # a worker that had nothing to finish
                os.kill(pid, signal.SIGTERM)
        (tmp_path / "done").touch()
        assert line.answer().status == 200
    assert run.status() == 7


def test_it_ends_with_an_app_that_ends(tmp_path: Path, started: list[Run]) -> None:
    run = Run(tmp_path, "sh", "-c", "exit 3")
    started.append(run)
    assert run.status() == 3
    assert not accepts(run.port)


def test_a_command_that_is_not_there_is_127(tmp_path: Path, started: list[Run]) -> None:
    run = Run(tmp_path, str(tmp_path / "no-such-program"))
    started.append(run)
    assert run.status() == 127
    assert "no-such-program: No such file or directory" in run.log()


def test_an_app_that_does_not_end_is_killed(tmp_path: Path, started: list[Run]) -> None:
    script = "trap '' TERM; touch up; while :; do sleep 0.1; done"
    run = Run(tmp_path, "sh", "-c", script, extra="timeouts: {shutdown: 0.3}\n")
    started.append(run)
    run.listens()
    wait_until(lambda: run.has("up"), "the app is up", within=PATIENCE)
    os.kill(run.process.pid, signal.SIGTERM)
    assert run.status() == 128 + signal.SIGKILL


def test_a_gateway_that_cannot_start_ends_the_app(tmp_path: Path, started: list[Run]) -> None:
    run = Run(tmp_path, "sleep", "600", extra="store: sqlite:/nowhere/at/all.db\n")
    started.append(run)
    assert run.status() == 1
    assert "the store cannot be used" in run.log()
