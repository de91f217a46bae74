"""The units of deploy/systemd: judged by systemd-analyze, replayed, and run by a real systemd."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from configparser import RawConfigParser
from pathlib import Path

import pytest

from tests.support.activator import Activator, listening, port_of
from tests.support.exchange import Ask, exchange
from tests.support.plain_app import PlainApp
from tests.support.ports import free_port
from tests.support.servers import BIN, wait_until
from tests.support.systemd_machine import Machine, NoMachine
from tests.support.workers import Load

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "systemd"
PAGE = (FOLDER / "README.md").read_text("utf-8")
TOKEN = "systemd-tests-token-0123456789"
PROGRAM = "/opt/gateway/bin/gateway"


@pytest.fixture(scope="module")
def app() -> Iterator[PlainApp]:
    with PlainApp() as app:
        yield app


# By systemd-analyze


def test_systemd_analyze_finds_nothing_wrong_with_the_units() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    environ = {**os.environ, "BIN": "/nowhere"}  # so that it looks at nothing else
    said = subprocess.check_output(
        ["sh", "deploy/check.sh"], cwd=ROOT, env=environ, text=True, stderr=subprocess.STDOUT
    )

    assert "SKIPPED: systemd" not in said


# By a stand-in


def unit() -> RawConfigParser:
    """``gateway.service``; of keys that are there twice, the last."""
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[method-assign,assignment]  # keys as they are written
    parser.read(FOLDER / "gateway.service")
    return parser


def test_what_the_unit_says_runs(app: PlainApp, tmp_path: Path) -> None:
    service = unit()["Service"]
    assert (service["Type"], service["KillMode"]) == ("notify", "mixed")
    control = free_port()
    config = tmp_path / "config.yaml"
    config.write_text(configured(app, control, store=f"{tmp_path}/gateway.db"))
    (tmp_path / "control-token").write_text(f"{TOKEN}\n")
    command = service["ExecStart"].replace("/etc/gateway", str(tmp_path)).split()
    assert command[0] == PROGRAM
    name, _, value = service["Environment"].partition("=")
    environ = {name: value.replace("%d", str(tmp_path))}
    stop_within = float(service["TimeoutStopSec"])

    with listening() as http:
        activator = Activator(
            [str(BIN / "gateway"), *command[1:]],
            tmp_path,
            [("http", http)],
            env=environ,
            watchdog=float(service["WatchdogSec"]),
        )
        with activator:
            activator.start()
            assert exchange(port_of(http), Ask("/x")).status == 200
            flip = [str(BIN / "gateway"), "--url", f"http://127.0.0.1:{control}", "on", "site"]
            subprocess.run(flip, env=environ, check=True, timeout=60, capture_output=True)
            assert exchange(port_of(http), Ask("/x")).status == 503
            assert activator.program.terminate() == 0
            asked = [each for each in activator.ear.said if each.startswith("EXTEND_TIMEOUT_USEC")]
    assert float(asked[0].partition("=")[2]) / 1e6 < stop_within


def configured(app: PlainApp, control: int, *, store: str = "/var/lib/gateway/gateway.db") -> str:
    """``config.yaml`` in front of this app, with the control listener elsewhere."""
    text = (FOLDER / "config.yaml").read_text()
    for there, here in (
        ("http://127.0.0.1:8000", app.url),
        ("127.0.0.1:9090", f"127.0.0.1:{control}"),
        ("/var/lib/gateway/gateway.db", store),
        ("linger: 2s", "linger: 1s"),
    ):
        assert there in text
        text = text.replace(there, here)
    return text


# By systemd


class Host:
    """A machine that has been set up as the page says."""

    def __init__(self, machine: Machine, port: int, control: int) -> None:
        self.machine = machine
        self.port = port
        self._environ = [
            f"GATEWAY_URL=http://127.0.0.1:{control}",
            "GATEWAY_CONTROL_TOKEN_FILE=/etc/gateway/control-token",
        ]

    def follow(self, section: str) -> str:
        """Run what the page has in a section, line for line; returns what it said."""
        _, found, rest = PAGE.partition(f"\n## {section}\n")
        assert found, section
        blocks = re.findall(r"```sh\n(.*?)```", rest.partition("\n## ")[0], re.DOTALL)
        assert blocks
        return self.shell("\n".join(blocks))

    def shell(self, lines: str) -> str:
        path = "PATH=/opt/gateway/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return self.machine.run(
            *("env", "-C", "/run/parts/checkout", path, *self._environ, "sh", "-exc", lines)
        )

    def show(self, what: str, unit: str = "gateway.service") -> str:
        return self.machine.run("systemctl", "show", "--value", "--property", what, unit).strip()

    @property
    def pid(self) -> int:
        return int(self.show("MainPID"))


@pytest.fixture(scope="module")
def host(app: PlainApp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("machine")
    port, control = free_port(), free_port()
    socket_unit = (FOLDER / "gateway.socket").read_text()
    assert "ListenStream=0.0.0.0:80\nListenStream=[::]:80\n" in socket_unit
    mine = {
        "config.yaml": configured(app, control),
        "gateway.service": (FOLDER / "gateway.service").read_text(),
        "gateway.socket": socket_unit.replace("0.0.0.0:80", f"127.0.0.1:{port}").replace(
            "ListenStream=[::]:80\n", ""
        ),
    }
    for name, text in mine.items():
        path = folder / "checkout" / "deploy" / "systemd" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    try:
        with Machine(folder) as machine:
            host = Host(machine, port, control)
            host.follow("Set it up")
            yield host
    except NoMachine as why:
        pytest.skip(str(why))


def test_it_serves_and_says_so(host: Host) -> None:
    assert exchange(host.port, Ask("/x")).body == b"GET /x 0"
    assert host.show("ActiveState") == "active"
    wait_until(lambda: re.fullmatch(r"revision \d+; no flag is on", host.show("StatusText")), "so")


def test_it_has_no_rights_left(host: Host) -> None:
    told = host.machine.run("cat", f"/proc/{host.pid}/status")
    fields = dict(line.split(":\t", 1) for line in told.splitlines() if ":\t" in line)

    assert "0" not in fields["Uid"].split()
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
    kept = host.machine.run("stat", "-c", "%a", "/var/lib/private/gateway/gateway.db")
    assert kept.strip() == "600"


def test_flags_are_flipped_and_commands_guarded_as_the_page_says(host: Host) -> None:
    said = host.follow("Flip")
    assert "site is on" in said
    assert "site is off" in said

    assert "your command, while nobody searches" in host.follow("Guard a command")
    assert exchange(host.port, Ask("/search")).status == 200


def test_a_restart_loses_no_request_and_no_flip(host: Host) -> None:
    host.shell("gateway on search")
    before = host.pid
    with Load(host.port, kept=2, fresh=2) as load:
        load.go_on(30)
        host.follow("Upgrade")
        load.go_on(30)

    assert load.lost == []
    assert host.pid != before
    assert exchange(host.port, Ask("/search")).status == 503
    host.shell("gateway off search")


def test_an_edit_is_taken_in_and_shown(host: Host) -> None:
    host.shell("sed -i 's/  site: {}  /  site: {enabled: true}/' /etc/gateway/config.yaml")
    wait_until(lambda: exchange(host.port, Ask("/x")).status == 503, "the edit is taken in")
    wait_until(lambda: host.show("StatusText").endswith("on: site"), "the status says so")

    host.shell("sed -i 's/  site: {enabled: true}/  site: {}  /' /etc/gateway/config.yaml")
    wait_until(lambda: exchange(host.port, Ask("/x")).status == 200, "it is taken back")


def test_a_reload_comes_to_an_end(host: Host) -> None:
    before = host.pid
    host.shell("systemctl reload gateway.service")

    assert (host.show("ActiveState"), host.pid) == ("active", before)


def test_a_visitor_starts_it(host: Host) -> None:
    host.shell("systemctl stop gateway.service")
    assert host.show("ActiveState") == "inactive"

    assert exchange(host.port, Ask("/x")).status == 200


def test_a_gateway_that_hangs_is_started_anew(host: Host) -> None:
    host.shell(
        "mkdir -p /run/systemd/system/gateway.service.d; "
        "printf '[Service]\\nWatchdogSec=1\\n' > /run/systemd/system/gateway.service.d/soon.conf; "
        "systemctl daemon-reload; systemctl restart gateway.service"
    )
    before = host.pid
    host.machine.run("kill", f"-{signal.SIGSTOP.value}", str(before))

    wait_until(lambda: host.pid not in {0, before}, "another")
    wait_until(lambda: host.show("ActiveState") == "active", "it serves")
    assert exchange(host.port, Ask("/x")).status == 200
    host.shell("rm -r /run/systemd/system/gateway.service.d; systemctl daemon-reload")


def test_a_wrong_configuration_is_not_tried_again_until_it_is_mended(host: Host) -> None:
    host.shell("echo 'nonsense: 1' >> /etc/gateway/config.yaml")
    host.shell("! systemctl restart gateway.service")
    assert (host.show("ExecMainStatus"), host.show("ActiveState")) == ("2", "failed")

    host.shell("sed -i /nonsense/d /etc/gateway/config.yaml")
    host.follow("Edit the configuration")
    assert exchange(host.port, Ask("/x")).status == 200


def test_nothing_is_left_of_it(host: Host) -> None:
    host.follow("Uninstall")

    left = host.machine.run("systemctl", "list-units", "--all", "--no-legend", "gateway*")
    assert "running" not in left
    assert not Path("/var/lib/private/gateway").exists()
    assert host.machine.run("ls", "/var/lib/private").strip() == ""
