"""What a maintenance flag at LaunchDarkly does, in two workers that have to agree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.exchange import Ask, Line
from tests.support.gateway_process import GatewayProcess
from tests.support.members_running import Running, Worker
from tests.support.plain_app import PlainApp
from tests.support.servers import wait_until

FLAGS = """
ttl: 5m
flags:
  site: {}
  search: {paths: [/search], user: {cookie: uid}, enabled: false, rollout: 100}
  reindex: {paths: [/reindex], user: {cookie: uid}, allow: {users: [ops]}}
"""
SEARCH, REINDEX = "/search", "/reindex"
CROWD = [f"user-{number}" for number in range(24)]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("launchdarkly")
    with PlainApp() as app, Running(folder, app.url, FLAGS, workers=2) as two:
        yield two


@pytest.fixture
def lines(running: Running) -> Iterator[list[Line]]:
    """A kept connection to each worker, with every flag off again afterwards."""
    both = [worker.line() for worker in running.all()]
    yield both
    running.gateways[0].reset("site", "search", "reindex")
    for target in ("/", SEARCH, REINDEX):
        until_held(both, target, set())


@pytest.fixture
def gateway(running: Running) -> GatewayProcess:
    (one,) = running.gateways
    return one


def held(line: Line, target: str, *users: str) -> set[str]:
    """Those of the users who get 503."""
    return {
        user
        for user in users
        if line.ask(Ask(target, fields=(("Cookie", f"uid={user}"),))).status == 503
    }


def until_held(lines: list[Line], target: str, users: set[str]) -> None:
    """Until each worker holds just these; the TTL is far longer than that may take."""
    for line in lines:
        wait_until(lambda line=line: held(line, target, *CROWD) == users, f"{users} are held")


def test_the_kill_switch_holds_nobody_when_off_and_all_of_a_rollout_of_100_when_on(
    lines: list[Line], gateway: GatewayProcess
) -> None:
    assert [held(line, SEARCH, *CROWD) for line in lines] == [set(), set()]
    gateway.flip("search", enabled=True)
    until_held(lines, SEARCH, set(CROWD))
    gateway.flip("search", enabled=False)
    until_held(lines, SEARCH, set())


def test_the_kill_switch_of_the_whole_site_holds_those_too_who_have_no_name(
    lines: list[Line], gateway: GatewayProcess
) -> None:
    gateway.flip("site", enabled=True)
    until_held(lines, "/", set(CROWD))
    assert [line.ask(Ask("/")).status for line in lines] == [503, 503]


def test_with_a_rollout_of_0_the_include_list_alone_is_held(
    lines: list[Line], gateway: GatewayProcess
) -> None:
    assert gateway.call("PUT", "flags/reindex/users/user-7").status == 200
    until_held(lines, REINDEX, {"user-7"})


def test_a_rollout_is_sticky_grows_by_more_users_and_is_the_same_in_every_worker(
    lines: list[Line], gateway: GatewayProcess
) -> None:
    users: set[str] = set()
    for share in (25, 50, 100):
        gateway.flip("reindex", rollout=share)
        users = _grown(lines, users)
    assert users == set(CROWD)


def _grown(lines: list[Line], before: set[str]) -> set[str]:
    """Whom both workers hold, asked twice, once they are those of before and more."""

    def agreed() -> set[str] | None:
        found = [held(line, REINDEX, *CROWD) for line in (*lines, *lines)]
        return found[0] if found[0] > before and found.count(found[0]) == len(found) else None

    return wait_until(agreed, "more users are held, the same everywhere") or set()


def test_who_is_excluded_is_never_held(lines: list[Line], gateway: GatewayProcess) -> None:
    gateway.flip("reindex", rollout=100)
    until_held(lines, REINDEX, set(CROWD))
    assert [held(line, REINDEX, "ops", "user-1") for line in lines] == [{"user-1"}] * 2


def test_a_long_ttl_is_turned_to_0_ahead_and_then_every_flip_holds_at_once_everywhere(
    running: Running, gateway: GatewayProcess
) -> None:
    assert gateway.call("GET", "flags/reindex").document["ttl"] == 300
    ahead = gateway.cli("set", "reindex", "ttl=0")
    assert ahead.returncode == 0, ahead.stderr
    wait_until(lambda: _all_follow(gateway), "both workers have it")  # and ask the store from here

    one, other = (_Half(worker) for worker in running.all())
    for user in CROWD[:10]:
        one.put(user)
        assert other.holds(user)  # no waiting
        other.release(user)
        assert not one.holds(user)

    back = gateway.cli("set", "reindex", "ttl=")
    assert back.returncode == 0, back.stderr
    assert gateway.call("GET", "flags/reindex").document["ttl"] == 300


def _all_follow(gateway: GatewayProcess) -> bool:
    status: dict[str, Any] = gateway.call("GET", "status").document
    return [member["revision"] for member in status["members"]] == [status["revision"]] * 2


class _Half:
    """One worker: its side of the public port, and its control API."""

    def __init__(self, worker: Worker) -> None:
        self._line, self._control = worker.line(), worker.control()

    def put(self, user: str) -> None:
        assert self._control.call("PUT", f"flags/reindex/users/{user}").status == 200

    def release(self, user: str) -> None:
        assert self._control.call("DELETE", f"flags/reindex/users/{user}").status == 200

    def holds(self, user: str) -> bool:
        return held(self._line, REINDEX, user) == {user}


def test_a_window_arms_the_flag_ahead_by_itself(gateway: GatewayProcess) -> None:
    now = datetime.now(UTC)
    window = {
        "start": (now + timedelta(minutes=4)).isoformat(),
        "end": (now + timedelta(minutes=64)).isoformat(),
    }
    flag = gateway.flip("site", window=window).document  # its start is nearer than the TTL is long
    assert (flag["ttl"], flag["on"]) == (0, False)
    later = {"start": window["end"], "end": (now + timedelta(hours=2)).isoformat()}
    assert gateway.flip("site", window=later).document["ttl"] == 300
    gateway.reset("site")
