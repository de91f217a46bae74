"""Drains and guards over real processes and stores: what they wait for, close, and refuse."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.exchange import Ask, Line
from tests.support.gateway_process import Reply
from tests.support.members_running import Control, Running, Worker
from tests.support.plain_app import PlainApp
from tests.support.servers import wait_until

FLAGS = """\
flags:
  site: {}
  search: {paths: [/], strict: true}
  writes: {mode: read-only}
  reindex: {user: {cookie: uid}}
"""
SLOW, NOBODY = Ask("/slow"), "nobody"
UPGRADE = (("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Key", "x"))
SHAPES = {"one": (1, 1), "four": (4, 1), "three-replicas": (1, 3)}

Start = Callable[..., Running]


@pytest.fixture
def start(app: PlainApp, tmp_path: Path) -> Iterator[Start]:
    started: list[Running] = []

    def begin(shape: str, *, drain: str = "{grace: 1s}", extra: str = "") -> Running:
        workers, replicas = SHAPES[shape]
        extra += f"drain: {drain}\n"
        running = Running(tmp_path, app.url, FLAGS, workers, replicas, extra)
        running.__enter__()
        started.append(running)
        return running

    yield begin
    app.release()
    for running in started:
        running.__exit__()


@pytest.fixture(scope="module", params=SHAPES)
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[PlainApp, Running]]:
    """Each of the shapes: one worker, four, three replicas. Started once for many tests."""
    workers, replicas = SHAPES[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    with (
        PlainApp() as app,
        Running(folder, app.url, FLAGS, workers, replicas, "drain: {grace: 1s}\n") as running,
    ):
        yield app, running
        app.release()


@pytest.fixture
def running(shared: tuple[PlainApp, Running]) -> Iterator[Running]:
    """Idle, its flags as in the YAML. A test that leaves orphans behind starts its own."""
    app, running = shared
    app.hold()
    yield running
    app.release()
    running.hang_up()
    as_written(running)
    running.hang_up()


def as_written(running: Running) -> None:
    """No override any more, and every worker knows."""
    lines, control = [worker.line() for worker in running.all()], running.all()[0].control()
    for flag in ("search", "writes", "reindex"):
        control.call("DELETE", f"flags/{flag}/override")
    control.turn_on("site")
    wait_until(lambda: all(line.ask(Ask("/")).status == 503 for line in lines), "all know")
    control.call("DELETE", "flags/site/override")
    wait_until(lambda: all(line.ask(Ask("/")).status == 200 for line in lines), "all know")


@pytest.fixture
def app(request: pytest.FixtureRequest) -> Iterator[PlainApp]:
    """That of ``running`` where the test has it, otherwise one of its own."""
    if "running" in request.fixturenames:
        yield request.getfixturevalue("shared")[0]
        return
    with PlainApp() as alone:
        yield alone


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def slow(app: PlainApp, worker: Worker, ask: Ask = SLOW) -> Line:
    """A request that the app has, and answers when it is released."""
    line = worker.line()
    line.send(ask.encode())
    app.wait_for_slow()
    return line


def as_user(user: str, target: str = "/slow", method: str = "GET") -> Ask:
    return Ask(target, method, (("Cookie", f"uid={user}"),))


def busy(control: Control, count: int, worker: Worker) -> None:
    """Wait until the worker is told to have so many in flight, and each other one none."""
    wanted = {worker.pid: count} if count else {}

    def told() -> bool:
        found = {each["pid"]: each["in_flight"] for each in control.members()}
        return {pid: number for pid, number in found.items() if number} == wanted

    wait_until(told, "it is told")


def not_drained(control: Control, flag: str, count: int, **more: str) -> Reply:
    """What a drain says whose time is out, once every worker has told it what it has in flight."""

    def told() -> Reply | None:
        late = control.drain(flag, 0.4, **more)
        assert (late.status, late.document["drained"]) == (504, False), late
        return late if late.document["in_flight"] == count else None

    return wait_until(told, f"{count} in flight")


def test_a_drain_waits_for_slow_requests_on_every_worker(
    app: PlainApp, running: Running, threads: ThreadPoolExecutor
) -> None:
    workers = running.all()
    lines = [slow(app, worker) for worker in workers]
    control = workers[0].control()
    control.turn_on("site")

    late = not_drained(control, "site", len(workers))
    assert len(late.document["members"]) == len(workers)
    assert "in flight" in late.document["reason"]

    drain = threads.submit(control.drain, "site")
    app.release()
    drained = drain.result()
    assert (drained.status, drained.document["drained"]) == (200, True), drained
    assert (drained.document["in_flight"], drained.document["abandoned"]) == (0, 0)
    assert [line.answer().status for line in lines] == [200] * len(lines)
    assert all(line.ask(Ask("/")).status == 503 for line in lines)


def test_idle_workers_are_drained_at_once(running: Running) -> None:
    for worker in running.all():
        control = worker.control()
        control.turn_on("site")
        drained = control.drain("site")
        assert drained.document["drained"], drained
        assert drained.document["waited"] < 5  # not until a lease is out


def test_a_client_that_left_is_waited_for_all_the_same(app: PlainApp, running: Running) -> None:
    slow(app, running.all()[-1]).close()
    control = running.all()[0].control()
    control.turn_on("site")
    not_drained(control, "site", 1)
    app.release()
    assert control.drain("site").document["drained"]


def test_an_upload_is_waited_for(running: Running) -> None:
    worker = running.all()[-1]
    control = running.all()[0].control()
    line = worker.line()
    line.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello")
    busy(control, 1, worker)
    control.turn_on("writes")
    not_drained(control, "writes", 1)
    line.send(b"word")
    assert line.answer().body == b"POST / 9"
    assert control.drain("writes").document["drained"]


@pytest.mark.parametrize("shape", SHAPES)
def test_an_upload_that_was_abandoned_is_reported(start: Start, shape: str) -> None:
    running = start(shape)
    worker = running.all()[-1]
    control = running.all()[0].control()
    line = worker.line()
    line.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello")
    busy(control, 1, worker)
    line.close()
    busy(control, 0, worker)
    control.turn_on("writes")

    refused = control.drain("writes")
    assert (refused.status, refused.document["abandoned"]) == (504, 1)
    assert "given up" in refused.document["reason"]
    accepted = control.drain("writes", accept_orphans=True)
    assert (accepted.status, accepted.document["abandoned"]) == (200, 1)


def test_streams_and_websockets_are_closed_after_the_grace(running: Running) -> None:
    workers = running.all()
    streams, sockets = [], []
    for worker in workers:
        streams.append(stream := worker.line())
        stream.send(Ask("/stream").encode())
        assert stream.head()[0] == 200
        assert stream.read_body(14) == b"9\r\ndata: x\n\n\r\n"
        sockets.append(line := worker.line())
        line.send(Ask("/ws", fields=UPGRADE).encode())
        assert line.head()[0] == 101
        assert line.read_body(7) == b"\x81\x05hello"
    control = workers[0].control()
    control.turn_on("site")

    drained = control.drain("site")
    assert drained.document["drained"], drained
    assert drained.document["cut"] == 2 * len(workers)
    assert drained.document["waited"] >= 1
    for line in sockets:
        assert line.read_body(4) == b"\x88\x02\x03\xf4"  # 1012
        assert line.ended()
    assert all(line.ended() for line in streams)


def test_only_what_the_flag_holds_is_waited_for(app: PlainApp, running: Running) -> None:
    workers = running.all()
    control = workers[0].control()
    reading = slow(app, workers[-1], as_user("bob"))
    control.turn_on("writes")
    assert control.drain("writes").document["drained"]
    assert control.call("PUT", "flags/reindex/users/ann").status == 200
    assert control.drain("reindex", user="ann").document["drained"]

    assert control.call("PUT", "flags/reindex/users/bob").status == 200
    not_drained(control, "reindex", 1, user="bob")
    app.release()
    assert control.drain("reindex", user="bob").document["drained"]
    assert reading.answer().status == 200


@pytest.mark.parametrize("shape", ["four", "three-replicas"])
def test_a_frozen_worker(app: PlainApp, start: Start, shape: str) -> None:
    """Gone for a strict flag once its lease is out, as it knows itself; for others only if said."""
    frozen, *others = start(shape).all()
    line, control = frozen.line(), others[0].control()
    (name,) = [each["member"] for each in control.members() if each["pid"] == frozen.pid]

    def says_it_is_idle() -> bool:
        return all(each["in_flight"] == 0 for each in control.members() if each["member"] == name)

    # What its last record says it has in flight are orphans: let that be nothing.
    wait_until(says_it_is_idle, "its record says that it is idle")
    with frozen.frozen():
        control.turn_on("search")
        control.turn_on("site")
        line.send(Ask("/in-scope").encode())

        strict = control.drain("search", 60)
        assert (strict.status, strict.document["missing"]) == (200, [name]), strict
        assert strict.document["waited"] > 5
        plain = control.drain("site", 1)
        assert (plain.status, plain.document["drained"]) == (504, False)
        assert name in plain.document["reason"]
        assert "silent" in plain.document["reason"]
        assert control.drain("site", 2, assume_gone=[NOBODY]).status == 504
        told = control.drain("site", assume_gone=[name])
        assert (told.status, told.document["missing"]) == (200, [name])

        assert control.call("PATCH", "flags/site", {"enabled": False}).status == 200
        frozen.wake()
        answer = line.answer()
        assert (answer.status, answer.one("x-maintenance")) == (503, "search")

    def is_back() -> bool:
        states = {each["member"]: each["state"] for each in control.members()}
        return states.get(name) == "live"

    wait_until(is_back, "it is a member again")
    assert control.drain("search").document["missing"] == []


@pytest.mark.parametrize("shape", ["four", "three-replicas"])
def test_what_a_crashed_worker_had_in_flight_are_orphans(
    app: PlainApp, start: Start, shape: str
) -> None:
    crashing, *others = start(shape).all()
    control = others[0].control()
    slow(app, crashing)
    busy(control, 1, crashing)
    crashing.kill()

    def crashed() -> bool:
        return any(each["state"] == "crashed" for each in control.members())

    wait_until(crashed, "its end was noticed")
    control.turn_on("site")
    refused = control.drain("site")
    assert (refused.status, refused.document["abandoned"]) == (504, 1), refused
    assert control.drain("site", accept_orphans=True).document["drained"]


def test_a_gateway_that_is_killed_and_restarted_knows_of_its_orphans(
    app: PlainApp, start: Start
) -> None:
    running = start("one")
    worker = running.all()[0]
    slow(app, worker)
    busy(worker.control(), 1, worker)
    running.gateways[0].kill_and_restart()
    control = running.all()[0].control()
    control.turn_on("site")
    refused = control.drain("site")
    assert (refused.status, refused.document["abandoned"]) == (504, 1), refused


def test_orphans_are_forgotten_in_time(app: PlainApp, start: Start) -> None:
    running = start("one", drain="{orphans: 1s}")
    worker = running.all()[0]
    control = worker.control()
    line = worker.line()
    line.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhello")
    busy(control, 1, worker)
    line.close()
    busy(control, 0, worker)
    control.turn_on("site")
    wait_until(lambda: control.drain("site").document["drained"], "they count no more")


def test_a_retired_worker_answers_drains_until_its_last_exchange_has_ended(
    app: PlainApp, start: Start
) -> None:
    running = start("four", extra="timeouts: {shutdown: 1s}\n")
    before = {worker.pid for worker in running.all()}
    line = slow(app, running.all()[0])
    os.kill(running.gateways[0].program.pid, signal.SIGHUP)
    wait_until(
        lambda: len(now := running.all()) == 4 and not before & {each.pid for each in now},
        "all are replaced",
    )
    control = running.all()[0].control()
    wait_until(lambda: len(control.members()) == 5, "those that had nothing to do have left")
    states = sorted(each["state"] for each in control.members())
    assert states == ["leaving", "live", "live", "live", "live"]

    control.turn_on("site")
    not_drained(control, "site", 1)
    app.release()
    assert control.drain("site").document["drained"]
    assert line.answer().status == 200
    wait_until(lambda: len(control.members()) == 4, "it has left")


def test_workers_that_end_leave_no_member_behind(start: Start, threads: ThreadPoolExecutor) -> None:
    running = start("three-replicas")
    control = running.all()[0].control()
    assert len(control.members()) == 3
    for gateway in running.gateways[1:]:
        assert gateway.program.terminate() == 0
    assert [each["state"] for each in control.members()] == ["live"]


ASK = """\
import http.client, os, sys
user, port, log = os.environ["GATEWAY_USER"], int(sys.argv[1]), sys.argv[2]
told = []
for name in (user, "somebody-else"):
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/", headers={"Cookie": f"uid={name}"})
    told.append(str(connection.getresponse().status))
print(user, *told, file=open(log, "a"))
assert sys.argv[3] == user
"""


def guard(running: Running, log: Path, *options: str) -> None:
    """``gateway guard`` with a command that asks as the user, and as another."""
    gateway = running.gateways[-1]
    command = [sys.executable, "-c", ASK, str(gateway.port), str(log)]
    done = gateway.cli("guard", "reindex", *options, "--", *command)
    assert done.returncode == 0, (done.stdout, done.stderr, running.log_tail())


def test_guard_runs_a_command_while_one_user_is_held(running: Running, tmp_path: Path) -> None:
    log = tmp_path / "told"
    guard(running, log, "--user", "ann")
    assert log.read_text() == "ann 503 200\n"
    for worker in running.all():
        assert worker.line().ask(as_user("ann", "/")).status == 200


def test_guard_runs_a_command_for_each_user_of_a_list(running: Running, tmp_path: Path) -> None:
    log, users = tmp_path / "told", tmp_path / "users"
    users.write_text("ann\nbob\neve\n")
    guard(running, log, "--users", str(users))
    assert log.read_text() == "ann 503 200\nbob 503 200\neve 503 200\n"
    control = running.all()[0].control()
    assert control.call("GET", "guards").document["guards"] == []
    assert control.call("GET", "flags/reindex").document["users"] == []


@pytest.mark.parametrize(
    ("flag", "options", "before"),
    [("site", (), {}), ("reindex", ("--user", "ann"), {"users": ["eve"]})],
)
def test_a_guard_within_a_window_holds_for_good_and_leaves_the_window_be(
    start: Start, flag: str, options: tuple[str, ...], before: dict[str, object]
) -> None:
    running = start("one")
    gateway, control = running.gateways[-1], running.all()[0].control()
    window = {"start": "2020-01-01T00:00:00Z", "end": "2999-01-01T00:00:00Z"}
    control.call("PATCH", f"flags/{flag}", {**before, "window": window})
    command = [sys.executable, "-m", "gateway", "status", flag, "--json"]
    with_user = [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:-1])"]
    done = gateway.cli("guard", flag, *options, "--", *(with_user if options else []), *command)
    assert done.returncode == 0, (done.stdout, done.stderr, running.log_tail())
    assert '"until": null' in done.stdout  # while it ran: on for good

    after = control.call("GET", f"flags/{flag}").document
    assert (after["enabled"], after["window"]["holds"], after["until"]) == (
        True, True, "2999-01-01T00:00:00.000Z",
    )  # fmt: skip
    assert after["users"] == before.get("users", [])
    assert set(after["override"]) == {"window", *before}
