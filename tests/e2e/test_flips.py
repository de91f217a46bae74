"""Flips by command line, HTTP and an edit of the YAML: seen soon, kept, and harmless."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import aiohttp
import pytest

from tests.support.exchange import Ask, exchange
from tests.support.gateway_process import GatewayProcess
from tests.support.plain_app import PlainApp
from tests.support.servers import wait_until

SOON = 30.0  # seconds: a fail-safe, and far below the TTL, so that it was told
FLAGS = """
flags:
  site: {description: "%s", enabled: %s}
  search: {paths: [/search]}
  reindex: {paths: [/search], user: {cookie: uid}}
"""
OFF = FLAGS % ("as written", "false")
ON = FLAGS % ("edited", "true")


class Flip(Protocol):
    """One way to turn the site flag on or off."""

    def __call__(self, gateway: GatewayProcess, *, on: bool) -> None: ...


@pytest.fixture(scope="module")
def app() -> Iterator[PlainApp]:
    with PlainApp() as running:
        yield running


@pytest.fixture(scope="module")
def running(app: PlainApp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path_factory.mktemp("flips"), app.url, OFF) as process:
        yield process


@pytest.fixture
def gateway(running: GatewayProcess) -> Iterator[GatewayProcess]:
    """The gateway, as it was at the start again afterwards."""
    yield running
    running.write_config(OFF)
    wait_until(lambda: flag(running, "site")["description"] == "as written", "the YAML is back")
    running.reset("site", "search", "reindex")


def flag(gateway: GatewayProcess, name: str) -> dict[str, object]:
    document = gateway.call("GET", f"flags/{name}").document
    assert isinstance(document, dict)
    return document


def status(gateway: GatewayProcess, target: str = "/") -> int:
    return exchange(gateway.port, Ask(target)).status


def by_command_line(gateway: GatewayProcess, *, on: bool) -> None:
    run = gateway.cli("on" if on else "off", "site", "--reason", "moving house")
    assert run.returncode == 0, run.stderr


def by_http(gateway: GatewayProcess, *, on: bool) -> None:
    gateway.flip("site", enabled=on, reason="moving house")


def by_yaml(gateway: GatewayProcess, *, on: bool) -> None:
    gateway.write_config(ON if on else OFF)


def by_yaml_in_place(gateway: GatewayProcess, *, on: bool) -> None:
    gateway.config.write_text(gateway.config_text(ON if on else OFF))


@pytest.mark.parametrize("flip", [by_command_line, by_http, by_yaml, by_yaml_in_place])
def test_flip_is_seen_soon_and_so_is_its_end(gateway: GatewayProcess, flip: Flip) -> None:
    assert status(gateway) == 200
    flip(gateway, on=True)
    wait_until(lambda: status(gateway) == 503, "the flip is seen", within=SOON)
    flip(gateway, on=False)
    wait_until(lambda: status(gateway) == 200, "its end is seen", within=SOON)


def test_flip_over_http_holds_the_next_request(gateway: GatewayProcess) -> None:
    """Answered is applied: no request that starts after the answer gets through."""
    for _ in range(20):
        gateway.flip("site", enabled=True)
        assert status(gateway) == 503
        gateway.flip("site", enabled=False)
        assert status(gateway) == 200


def test_one_user_is_held_by_command_line_and_let_go(gateway: GatewayProcess) -> None:
    held = Ask("/search", fields=(("Cookie", "theme=dark; uid=ada"),))
    other = Ask("/search", fields=(("Cookie", "uid=grace"),))

    assert gateway.cli("on", "reindex", "--user", "ada").returncode == 0
    during = [exchange(gateway.port, ask).status for ask in (held, other, Ask("/search"))]
    elsewhere = exchange(gateway.port, Ask("/", fields=held.fields)).status
    assert gateway.cli("off", "reindex", "--user", "ada").returncode == 0

    assert during == [503, 200, 200]
    assert elsewhere == 200
    assert exchange(gateway.port, held).status == 200


def test_last_action_wins_between_yaml_and_flip(gateway: GatewayProcess) -> None:
    by_http(gateway, on=True)
    assert status(gateway) == 503
    # The YAML said off all along; what a person now changes in it is newer than the flip.
    gateway.write_config(ON)
    wait_until(lambda: flag(gateway, "site")["from"] == "yaml", "the override lapsed")
    gateway.write_config(FLAGS % ("off again", "false"))
    wait_until(lambda: status(gateway) == 200, "the YAML decides", within=SOON)


def test_edit_of_another_key_leaves_the_flip(gateway: GatewayProcess) -> None:
    by_http(gateway, on=True)
    gateway.write_config(FLAGS % ("a new description", "false"))
    wait_until(
        lambda: flag(gateway, "site")["description"] == "a new description", "the edit is seen"
    )

    assert status(gateway) == 503
    assert flag(gateway, "site")["from"] == "override"


def test_answered_flip_survives_kill_9(app: PlainApp, tmp_path: Path) -> None:
    with GatewayProcess(tmp_path, app.url, OFF) as gateway:
        for on in (True, False, True):
            gateway.flip("site", enabled=on, reason="crash test")
            gateway.kill_and_restart()

            assert status(gateway) == (503 if on else 200)
            found = flag(gateway, "site")
            assert (found["enabled"], found["from"], found["reason"]) == (
                on,
                "override",
                "crash test",
            )


def test_invalid_edit_changes_nothing_and_says_where(gateway: GatewayProcess) -> None:
    by_http(gateway, on=True)
    broken = OFF.replace("paths: [/search]}", "paths: [search], colour: red}", 1)
    line = (
        gateway.config_text(broken).splitlines().index("  search: {paths: [search], colour: red}")
    )
    gateway.write_config(broken)
    errors = wait_until(
        lambda: gateway.call("GET", "status").document["config"]["errors"], "the error shows"
    )

    said = " ".join(error["text"] for error in errors)
    assert f"config.yaml:{line + 1}: flags.search.paths[0]" in said
    assert "colour" in said
    assert status(gateway) == 503
    assert status(gateway, "/search") == 503
    assert gateway.call("GET", "/readyz", token=None).status == 503
    assert gateway.cli("status").stdout.count("config.yaml:") >= 1

    gateway.write_config(OFF)
    wait_until(lambda: gateway.call("GET", "/readyz", token=None).status == 200, "it is mended")


@pytest.mark.parametrize("text", ["flags: [", "", "\x00", "flags:\n\t- x", "- a\n- b\n"])
def test_yaml_that_is_none_changes_nothing(gateway: GatewayProcess, text: str) -> None:
    by_http(gateway, on=True)
    gateway.replace_config(text)
    wait_until(
        lambda: not gateway.call("GET", "status").document["config"]["valid"], "the error shows"
    )

    assert status(gateway) == 503


def test_config_map_swap_is_seen(app: PlainApp, tmp_path: Path) -> None:
    with MountedGateway(tmp_path, app.url, OFF) as gateway:
        for text, expected in ((ON, 503), (OFF, 200), (ON, 503)):
            gateway.write_config(text)
            wait_until(lambda: status(gateway) == expected, "the swap is seen", within=SOON)  # noqa: B023 asked at once


class MountedGateway(GatewayProcess):
    """Its YAML comes as Kubernetes mounts one: a link to a folder that is swapped whole."""

    def replace_config(self, text: str) -> None:
        version = self.folder / f"..{time.monotonic_ns()}"
        version.mkdir()
        (version / self.config.name).write_text(text)
        swapped = self.folder / "..data_tmp"
        swapped.symlink_to(version.name)
        swapped.rename(self.folder / "..data")
        if not self.config.is_symlink():
            self.config.symlink_to(Path("..data") / self.config.name)


async def test_no_answer_of_ours_because_of_60_reloads_under_load(
    gateway: GatewayProcess,
) -> None:
    statuses: dict[int, int] = {}
    over = asyncio.Event()

    async def visitor(session: aiohttp.ClientSession, number: int) -> None:
        while not over.is_set():
            data = b"x" * 20_000 if number % 2 else None
            method = "POST" if data else "GET"
            async with session.request(method, f"{gateway.url}/{number}", data=data) as answer:
                text = await answer.text()
            assert text == f"{method} /{number} {len(data or b'')}"
            statuses[answer.status] = statuses.get(answer.status, 0) + 1

    async def edit(number: int) -> None:
        flags = FLAGS % (f"edit {number}", "false")
        flags += "".join(f"  extra-{n}: {{paths: [/extra/{n}]}}\n" for n in range(number % 7))
        gateway.write_config(flags)
        seen = f"edit {number}"
        await asyncio.to_thread(
            wait_until, lambda: flag(gateway, "site")["description"] == seen, f"{seen} is seen"
        )

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        for number in range(6):
            group.create_task(visitor(session, number))
        for number in range(60):
            await edit(number)
        over.set()

    assert set(statuses) == {200}
    assert statuses[200] > 1000


def test_visitors_are_told_when_a_flip_lifts_itself(gateway: GatewayProcess) -> None:
    made = gateway.flip("search", enabled=True, **{"for": "30m"}).document
    got = exchange(gateway.port, Ask("/search", fields=(("Accept", "application/json"),)))
    problem = json.loads(got.body)
    left = int(got.one("retry-after") or 0)

    assert made["on"] is True
    assert problem["retry_after"] == left
    assert 1740 <= left <= 1800
    until = datetime.fromisoformat(problem["until"])
    assert abs(until - datetime.fromisoformat(made["until"])) < timedelta(milliseconds=1)
    assert b" UTC) (Retry-After: " in exchange(gateway.port, Ask("/search")).body
