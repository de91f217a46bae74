"""What LaunchDarkly's ``maintenance-mode-guard`` script does, by its own options.

And its three layers for maintenance user by user: a script that names the users, the guard, and
the script that does the work for one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway_process import TOKEN, GatewayProcess
from tests.support.servers import BIN
from tests.support.visitor import visit

FLAGS = """
flags:
  maintenance.mode.flag: {paths: [/anything/search]}
  user.maintenance.flag: {paths: [/anything/search], user: {cookie: uid}}
"""
FEATURE, PER_USER = "maintenance.mode.flag", "user.maintenance.flag"
SEARCH = "/anything/search"
USERS = ["ann", "bob@example.com", "eve"]

# Notes its arguments and what each user sees of the feature meanwhile.
WORK = """#!%s
import http.client, json, os, pathlib, sys

def status(user):
    visitor = http.client.HTTPConnection("127.0.0.1", %d, timeout=60)
    visitor.request("GET", "/anything/search", headers={"Cookie": "uid=" + user})
    return visitor.getresponse().status

seen = {user: status(user) for user in ("ann", "bob@example.com", "eve")}
with open("runs", "a") as runs:
    print(json.dumps([sys.argv[1:], seen]), file=runs)
sys.exit(3 if pathlib.Path("broken").read_text() in sys.argv else 0)
"""
ONE_BY_ONE = """
./list-users | while read -r user; do
    gateway guard -a "$TOKEN" -f user.maintenance.flag -u "$user" ./work --param 1 --user ||
        exit 1
done
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder with the scripts, and the gateway."""

    folder: Path
    gateway: GatewayProcess

    def run(self, *words: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
        """Run a command as an operator's shell would."""
        return subprocess.run(
            words,
            cwd=self.folder,
            env={"PATH": f"{BIN}:/usr/bin:/bin", "GATEWAY_URL": self.gateway.control_url,
                 "TOKEN": token},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )  # fmt: skip

    def guard(self, flag: str, *words: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
        return self.run("gateway", "guard", "-a", token, "-f", flag, *words)

    def breaks_for(self, word: str) -> None:
        """The work fails if it is called with this word from now on."""
        (self.folder / "broken").write_text(word)

    @property
    def runs(self) -> list[Any]:
        """Of each run of the work: its arguments, and the status that each user got meanwhile."""
        runs = self.folder / "runs"
        return list(map(json.loads, runs.read_text().splitlines())) if runs.exists() else []

    def held(self) -> list[str]:
        """Who is held now."""
        return [
            user
            for user in USERS
            if visit(self.gateway, SEARCH, cookie=f"uid={user}").status == 503
        ]

    def log_tail(self) -> str:
        return self.gateway.log_tail()


@pytest.fixture(scope="module")
def running(httpbin: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("guard")
    with GatewayProcess(folder, f"http://127.0.0.1:{httpbin}", FLAGS) as gateway:
        yield gateway


@pytest.fixture
def place(running: GatewayProcess, tmp_path: Path) -> Iterator[Place]:
    work, users = tmp_path / "work", tmp_path / "list-users"
    work.write_text(WORK % (sys.executable, running.port))
    users.write_text("#!/bin/sh\nprintf '%s\\n' " + " ".join(USERS) + "\n")
    for script in (work, users):
        script.chmod(0o755)
    yield_to = Place(tmp_path, running)
    yield_to.breaks_for("nobody")
    yield yield_to
    running.reset(FEATURE, PER_USER)


def only(user: str) -> dict[str, int]:
    return {each: 503 if each == user else 200 for each in USERS}


def test_the_flag_is_on_while_the_command_runs_and_off_afterwards(place: Place) -> None:
    run = place.guard(FEATURE, "./work", "--param", "1")
    assert run.returncode == 0, run.stderr
    assert place.runs == [[["--param", "1"], dict.fromkeys(USERS, 503)]]
    assert place.held() == []


def test_with_a_user_that_user_alone_is_held_and_is_the_last_argument(place: Place) -> None:
    run = place.guard(PER_USER, "-u", "bob@example.com", "./work", "--param", "1", "--user")
    assert run.returncode == 0, run.stderr
    arguments = ["--param", "1", "--user", "bob@example.com"]
    assert place.runs == [[arguments, only("bob@example.com")]]
    assert place.held() == []


def test_when_the_command_fails_the_flag_stays_on_and_a_message_says_so(place: Place) -> None:
    place.breaks_for("--param")
    run = place.guard(FEATURE, "./work", "--param", "1")
    assert run.returncode == 3
    assert f"{FEATURE} stays on" in run.stderr
    assert place.held() == USERS
    assert place.gateway.cli("off", FEATURE).returncode == 0
    assert place.held() == []


def test_when_the_flag_cannot_be_turned_on_the_command_is_not_called(place: Place) -> None:
    for flag, token in ((FEATURE, "a wrong key"), ("no.such.flag", TOKEN)):
        run = place.guard(flag, "./work", token=token)
        assert run.returncode == 65, (flag, run.stderr)
        assert run.stderr
    assert place.runs == []
    assert place.held() == []


def test_three_layers_take_each_user_in_turn_and_hold_nobody_afterwards(place: Place) -> None:
    run = place.run("sh", "-c", ONE_BY_ONE)
    assert run.returncode == 0, run.stderr
    assert place.runs == [[["--param", "1", "--user", user], only(user)] for user in USERS]
    assert place.held() == []


def test_the_loop_halts_at_the_first_failure_with_that_user_still_held(place: Place) -> None:
    place.breaks_for("bob@example.com")
    run = place.run("sh", "-c", ONE_BY_ONE)
    assert run.returncode == 1
    assert f"{PER_USER} stays on for bob@example.com" in run.stderr
    assert [arguments[-1] for arguments, _ in place.runs] == ["ann", "bob@example.com"]
    assert place.held() == ["bob@example.com"]

    place.breaks_for("nobody")  # mended
    assert place.run("sh", "-c", ONE_BY_ONE).returncode == 0
    assert place.held() == []


def test_the_whole_loop_is_one_line(place: Place) -> None:
    line = f'./list-users | gateway guard -a "$TOKEN" -f {PER_USER} --users - ./work --user'
    run = place.run("sh", "-c", line)
    assert run.returncode == 0, run.stderr
    assert place.runs == [[["--user", user], only(user)] for user in USERS]
    assert place.held() == []
