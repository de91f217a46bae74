"""Several workers behind one port: they serve as one, and replacing any of them loses nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.exchange import Ask, Got, Line, exchange
from tests.support.gateway_process import TOKEN, GatewayProcess
from tests.support.plain_app import PlainApp
from tests.support.ports import free_port
from tests.support.servers import BIN, accepts, wait_until
from tests.support.workers import Load, children, gone, lines_by_worker, listening, peers

WORKERS = 4
FLAGS = "flags: {site: {}}\n"
SOON = 30.0  # seconds: a fail-safe, and far below the TTL, so that it was told

Start = Callable[..., GatewayProcess]


@pytest.fixture(scope="module")
def running() -> Iterator[PlainApp]:
    with PlainApp() as app:
        yield app


@pytest.fixture
def app(running: PlainApp) -> Iterator[PlainApp]:
    running.hold()
    yield running
    running.release()


@pytest.fixture
def start(app: PlainApp, tmp_path: Path) -> Iterator[Start]:
    """Starts a gateway with so many workers; it is ended with the test."""
    started: list[GatewayProcess] = []

    def begin(workers: int = WORKERS, *, extra: str = "") -> GatewayProcess:
        more = f"workers: {workers}\n{extra}"
        gateway = GatewayProcess(tmp_path / f"{len(started)}", app.url, FLAGS, extra=more)
        started.append(gateway)
        gateway.__enter__()
        if workers > 1:
            wait_until(lambda: len(serving(gateway)) == workers, "all workers listen")
        return gateway

    yield begin
    app.release()
    for gateway in started:
        gateway.__exit__(None, None, None)


@pytest.fixture
def gateway(start: Start) -> GatewayProcess:
    return start()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def serving(gateway: GatewayProcess) -> set[int]:
    """The workers that listen now."""
    return {pid for pid in children(gateway.program.pid) if listening(pid, gateway.port)}


def tell(gateway: GatewayProcess, number: signal.Signals) -> None:
    os.kill(gateway.program.pid, number)


def replace_all(gateway: GatewayProcess, workers: int = WORKERS) -> None:
    """SIGHUP, and wait until only new workers listen."""
    before = serving(gateway)
    tell(gateway, signal.SIGHUP)
    wait_until(
        lambda: len(now := serving(gateway)) == workers and not now & before, "all are replaced"
    )


def rewrite(gateway: GatewayProcess, **keys: object) -> None:
    """Other values of top-level keys in the YAML."""
    text = gateway.config.read_text()
    for key, value in keys.items():
        text = re.sub(rf"(?m)^{key}: .*$", f"{key}: {value}", text)
    gateway.replace_config(text)


def slow(app: PlainApp, gateway: GatewayProcess, threads: ThreadPoolExecutor) -> Future[Got]:
    """A request that the app has, and that it answers when it is released."""
    asked = threads.submit(exchange, gateway.port, Ask("/slow"))
    app.wait_for_slow()
    return asked


def metric(text: bytes, name: str) -> float:
    found = re.search(rf"(?m)^{re.escape(name)} (\S+)$", text.decode())
    assert found, name
    return float(found[1])


def scrape(line: Line, gateway: GatewayProcess) -> bytes:
    return line.ask(Ask("/metrics", host=f"127.0.0.1:{gateway.control}")).body


def close_all(lines: dict[int, list[Line]]) -> None:
    for line in (each for mine in lines.values() for each in mine):
        line.close()


# Serving


def test_every_worker_serves(gateway: GatewayProcess) -> None:
    lines = lines_by_worker(gateway.program.pid, gateway.port)

    assert len(lines) == WORKERS
    assert {mine[0].ask(Ask("/")).status for mine in lines.values()} == {200}
    close_all(lines)


def test_flip_by_any_worker_is_seen_by_every_worker(gateway: GatewayProcess) -> None:
    lines = lines_by_worker(gateway.program.pid, gateway.port)
    controls = lines_by_worker(gateway.program.pid, gateway.control)
    on = False
    for control in controls.values():
        on = not on
        flip(gateway, control[0], on=on)
        deadline = time.monotonic() + SOON
        for line in (mine[0] for mine in lines.values()):
            while line.ask(Ask("/")).status != (503 if on else 200):
                assert time.monotonic() < deadline, "a worker has not seen the flip"

    close_all(lines)
    close_all(controls)


def flip(gateway: GatewayProcess, control: Line, *, on: bool) -> None:
    fields = (
        ("Authorization", f"Bearer {TOKEN}"),
        ("Content-Type", "application/json"),
    )
    body = json.dumps({"enabled": on}).encode()
    ask = Ask("/api/v1/flags/site", "PATCH", fields, body, host=f"127.0.0.1:{gateway.control}")
    assert control.ask(ask).status == 200


def test_metrics_are_the_same_whichever_worker_tells(gateway: GatewayProcess) -> None:
    lines = lines_by_worker(gateway.program.pid, gateway.port)
    controls = lines_by_worker(gateway.program.pid, gateway.control)
    for number, line in enumerate(mine[0] for mine in lines.values()):
        for _ in range(10 * number + 5):
            line.ask(Ask("/"))
    asked = sum(map(len, lines.values())) + sum(10 * number + 5 for number in range(WORKERS))

    # How late a worker's loop is gets measured all the time, between two looks too; leases grow
    # older, and each worker looks at the members, and at what it takes itself, by itself.
    restless = rb"(?m)^gateway_(loop_delay|lease_age|members|cpu|memory).*\n"
    told = {re.sub(restless, b"", scrape(control[0], gateway)) for control in controls.values()}

    assert len(told) == 1
    text = told.pop()
    assert metric(text, "gateway_requests_forwarded_total") == asked
    assert metric(text, "gateway_client_connections") == sum(map(len, lines.values()))
    assert metric(text, "gateway_workers") == WORKERS
    close_all(lines)
    close_all(controls)


def test_unix_sockets_are_shared(app: PlainApp, start: Start, tmp_path: Path) -> None:
    gateway = start()
    rewrite(gateway, listen=f"unix:{tmp_path}/public", workers=3)
    gateway.program.kill()
    log = gateway.log_tail

    with subprocess.Popen(
        [str(BIN / "gateway"), "serve", "-c", str(gateway.config)], stderr=subprocess.PIPE
    ) as process:
        wait_until(lambda: len(children(process.pid)) == 3, "three workers")
        wait_until(lambda: curl(f"{tmp_path}/public") == "GET /x 0", f"it answers {log()}")
        process.terminate()
        assert process.wait(10) == 0


def curl(path: str) -> str:
    command = ["curl", "-s", "--max-time", "5", "--unix-socket", path, "http://site/x"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


# A worker that dies


def test_killed_worker_costs_only_its_own_connections(gateway: GatewayProcess) -> None:
    scrapes = Scrapes(gateway)
    with Load(gateway.port) as load, scrapes:
        for victim in sorted(serving(gateway)):
            load.go_on(200)
            lost_before = len(load.lost)
            looked, mine = time.monotonic(), peers(victim, gateway.port)
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda: gone(victim), "it is dead")  # noqa: B023 asked at once
            died = time.monotonic()
            load.go_on(200)
            for lost in load.lost[lost_before:]:
                assert lost.opened < died, f"a later connection: {lost}"
                assert lost.port in mine or lost.opened > looked, f"of another worker: {lost}"
            wait_until(lambda: len(serving(gateway)) == WORKERS, "it is replaced")

    assert scrapes.fell == []


def test_worker_that_dies_again_and_again_is_started_ever_later(start: Start) -> None:
    gateway = start(2)
    other = min(serving(gateway))
    for waits in ("another is started\n", "in 0.25 s\n", "in 0.5 s\n"):
        os.kill((children(gateway.program.pid) - {other}).pop(), signal.SIGKILL)
        wait_until(lambda: waits in gateway.log_tail(), f"it says {waits}")  # noqa: B023
        wait_until(lambda: len(serving(gateway)) == 2, "it is replaced")

    assert other in serving(gateway)
    assert "killed by SIGKILL" in gateway.log_tail()


class Scrapes:
    """Reads the metrics over and over, on new connections; ``fell`` names what went back."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.fell: list[str] = []
        self.last: dict[str, float] = {}

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                with Line(self._gateway.control) as line:
                    text = scrape(line, self._gateway).decode()
            except (OSError, EOFError):
                continue  # of a worker that was killed
            for name, value in re.findall(r"(?m)^(\S+_total(?:{\S+})?) (\S+)$", text):
                if float(value) < self.last.get(name, 0.0):
                    self.fell.append(f"{name}: {self.last[name]} to {value}")
                self.last[name] = float(value)


# SIGHUP


def test_replacing_all_workers_under_load_fails_no_request(
    app: PlainApp, gateway: GatewayProcess, threads: ThreadPoolExecutor
) -> None:
    under_way = slow(app, gateway, threads)
    scrapes = Scrapes(gateway)
    first = children(gateway.program.pid)
    with Load(gateway.port) as load, scrapes:
        for _ in range(4):
            load.go_on(100)
            replace_all(gateway)
        load.go_on(100)
    assert load.lost == []
    assert scrapes.fell == []
    assert len(children(gateway.program.pid) & first) == 1  # it still waits for the app

    app.release()
    assert under_way.result().status == 200
    wait_until(lambda: len(children(gateway.program.pid)) == WORKERS, "the old ones have ended")
    with Line(gateway.control) as line:
        text = scrape(line, gateway)
    assert metric(text, "gateway_requests_forwarded_total") == load.answered + 1


def test_control_calls_fail_no_more_than_requests(gateway: GatewayProcess) -> None:
    over, failed = threading.Event(), []

    def poll() -> None:
        line = Line(gateway.control)
        while not over.is_set():
            got = line.ask(Ask("/healthz", host=f"127.0.0.1:{gateway.control}"))
            if got.status != 200:
                failed.append(got)
            if (got.one("connection") or "").lower() == "close":
                line.close()
                line = Line(gateway.control)
        line.close()

    with ThreadPoolExecutor(2) as pool:
        polls = [pool.submit(poll) for _ in range(2)]
        for _ in range(3):
            replace_all(gateway)
        over.set()
        for each in polls:
            each.result()

    assert failed == []


def test_number_of_workers_follows_the_yaml_at_sighup(gateway: GatewayProcess) -> None:
    with Load(gateway.port) as load:
        for workers in (2, 5, 1, 3):
            rewrite(gateway, workers=workers)
            replace_all(gateway, workers)
            load.go_on(100)
            wait_until(lambda: len(children(gateway.program.pid)) == workers, "others have ended")  # noqa: B023

    assert load.lost == []


def test_address_follows_the_yaml_at_sighup(gateway: GatewayProcess) -> None:
    old, gateway.port = gateway.port, free_port()
    rewrite(gateway, listen=f"127.0.0.1:{gateway.port}")
    tell(gateway, signal.SIGHUP)
    wait_until(lambda: len(serving(gateway)) == WORKERS, "all listen at the new address")

    assert exchange(gateway.port, Ask("/")).status == 200
    wait_until(lambda: not accepts(old), "the old address is given up")


def test_invalid_yaml_changes_nothing_at_sighup(gateway: GatewayProcess) -> None:
    before = children(gateway.program.pid)
    gateway.replace_config(gateway.config.read_text() + "colour: red\n")
    tell(gateway, signal.SIGHUP)
    wait_until(lambda: "SIGHUP: the YAML is invalid" in gateway.log_tail(), "it says so")

    assert children(gateway.program.pid) == before
    assert exchange(gateway.port, Ask("/")).status == 200


def test_old_workers_stay_where_new_ones_cannot_start(gateway: GatewayProcess) -> None:
    before = serving(gateway)
    good = gateway.config.read_text()
    rewrite(gateway, store=f"sqlite:{gateway.folder}/nowhere/gateway.db")
    tell(gateway, signal.SIGHUP)
    wait_until(lambda: "the old one stays; another" in gateway.log_tail(), "it says so")
    assert before <= serving(gateway)  # and for a moment one that fails, on the same socket
    assert exchange(gateway.port, Ask("/")).status == 200

    gateway.replace_config(good)
    replace_all(gateway)


# Ending


def test_sigterm_finishes_what_is_under_way(
    app: PlainApp, gateway: GatewayProcess, threads: ThreadPoolExecutor
) -> None:
    under_way = slow(app, gateway, threads)
    workers = children(gateway.program.pid)
    tell(gateway, signal.SIGTERM)
    wait_until(lambda: not accepts(gateway.port), "no more is accepted")
    wait_until(lambda: len(children(gateway.program.pid)) == 1, "idle workers end at once")
    app.release()

    assert under_way.result().status == 200
    assert gateway.program.wait() == 0
    assert all(map(gone, workers))


def test_sigterm_ends_within_the_time_for_it(
    app: PlainApp, start: Start, threads: ThreadPoolExecutor
) -> None:
    gateway = start(extra="timeouts: {shutdown: 1s}\n")
    under_way = slow(app, gateway, threads)
    tell(gateway, signal.SIGTERM)

    assert gateway.program.wait() == 0
    with pytest.raises((EOFError, OSError)):
        under_way.result()


def test_frozen_worker_does_not_keep_it_from_ending(start: Start) -> None:
    gateway = start(2, extra="timeouts: {shutdown: 1s}\n")
    os.kill(min(serving(gateway)), signal.SIGSTOP)
    tell(gateway, signal.SIGTERM)

    assert gateway.program.wait() == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_second_sigterm_ends_at_once(
    app: PlainApp, start: Start, threads: ThreadPoolExecutor, workers: int
) -> None:
    gateway = start(workers)
    under_way = slow(app, gateway, threads)
    tell(gateway, signal.SIGTERM)
    wait_until(lambda: not accepts(gateway.port), "it is stopping")
    tell(gateway, signal.SIGTERM)

    assert gateway.program.wait() == 0
    with pytest.raises((EOFError, OSError)):
        under_way.result()


def test_restart_right_after_the_supervisor_was_killed(
    app: PlainApp, gateway: GatewayProcess, threads: ThreadPoolExecutor
) -> None:
    under_way = slow(app, gateway, threads)
    orphans = children(gateway.program.pid)
    tell(gateway, signal.SIGKILL)
    gateway.program.wait()
    gateway.program.start()
    wait_until(lambda: len(serving(gateway)) == WORKERS, "the new workers listen")
    assert not any(listening(pid, gateway.port) for pid in orphans)
    for _ in range(50):
        assert exchange(gateway.port, Ask("/")).status == 200

    app.release()
    assert under_way.result().status == 200  # the old worker has finished it
    wait_until(lambda: all(map(gone, orphans)), "the old workers end")


# Starting


def test_second_gateway_on_the_port_is_refused(gateway: GatewayProcess) -> None:
    other = gateway.folder / "other.yaml"
    other.write_text(gateway.config.read_text())

    run = serve(other)

    assert run.returncode == 1
    assert "cannot listen: error while attempting to bind" in run.stderr
    assert run.stderr.count("\n") == 1
    assert exchange(gateway.port, Ask("/")).status == 200


def test_what_keeps_workers_from_starting_is_said_once(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        "upstream: http://127.0.0.1:1\n"
        f"listen: 127.0.0.1:{free_port()}\n"
        "control: {listen: null}\n"
        "workers: 4\n"
        "store: sqlite:nowhere/gateway.db\n"
    )

    run = serve(config)

    assert run.returncode == 1
    assert [line for line in run.stderr.splitlines() if "the store cannot be used" in line] == [
        run.stderr.splitlines()[-1]
    ]
    assert "Traceback" not in run.stderr


def serve(config: Path) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "gateway"), "serve", "-c", str(config), "--log-level", "warning"]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
