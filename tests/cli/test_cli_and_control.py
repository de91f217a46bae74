"""The verbs against the real control API: what both take for granted of each other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.config import load
from gateway.control import Services, make_control
from gateway.core.rules import Rule
from gateway.state.live import LiveState
from gateway.stores import open_store
from tests.support.fake_control import UNSET

TOKEN = "sesame-open"
YAML = """\
upstream: http://127.0.0.1:8000
store: "memory:"
control: {listen: 127.0.0.1:9090, token: sesame-open}
flags:
  site: {}
  search: {paths: [/search]}
  reindex: {paths: [/search], user: {cookie: uid}}
"""


class Gateway:
    def __init__(self, url: str) -> None:
        self.url = url

    async def __call__(self, *words: str, token: str | None = TOKEN) -> Result:
        env = {**UNSET, "GATEWAY_URL": self.url, "GATEWAY_CONTROL_TOKEN": token}
        return await asyncio.to_thread(CliRunner().invoke, main, words, env=env)


async def none_in_flight(rules: Sequence[Rule]) -> list[int]:
    return [0] * len(rules)


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    file = tmp_path / "config.yaml"
    file.write_text(YAML)
    settings = load(file, {})
    state = LiveState(settings, open_store(settings.store))
    await state.start()
    services = Services(
        state=state,
        metrics=lambda: b"",
        in_flight=lambda: 0,
        concerned=none_in_flight,
        member=lambda: {"member": "m1", "pid": 1},
    )
    async with TestServer(make_control(services), host="127.0.0.1") as server:
        yield Gateway(f"http://127.0.0.1:{server.port}")
    await state.close()


async def test_a_flag_goes_on_and_off_and_back(gateway: Gateway) -> None:
    on = await gateway("on", "site", "--reason", "Move", "--for", "30m")
    assert on.exit_code == 0
    assert "it holds every request to the whole site, until 20" in on.stdout
    assert " ON " in (await gateway("status")).stdout
    assert "it holds nobody" in (await gateway("off", "site")).stdout
    assert "(as the YAML says)" in (await gateway("reset", "site", "--reason", "x")).stdout


async def test_users_are_held_and_let_go(gateway: Gateway) -> None:
    await gateway("on", "reindex", "--user", "alice", "--reason", "one by one")
    await gateway("on", "reindex", "--user", "bob/ü", "--for", "10m")
    assert "of alice, bob/ü to /search" in (await gateway("on", "reindex")).stdout
    explained = await gateway("explain", "/search", "--cookie", "uid=alice")
    assert explained.stdout.startswith("held back by reindex (user_listed)")
    off = await gateway("off", "reindex", "--user", "alice", "--user", "bob/ü")
    assert "it holds nobody yet" in off.stdout


async def test_a_thrown_switch_holds_nobody_but_the_user_that_is_named(gateway: Gateway) -> None:
    await gateway("on", "reindex", "--user", "bob")
    await gateway("off", "reindex")
    assert (await gateway("on", "reindex", "--user", "alice")).exit_code == 1
    await gateway("set", "reindex", "users=[]")
    assert "of alice to /search" in (await gateway("on", "reindex", "--user", "alice")).stdout


async def test_keys_are_set_and_put_back(gateway: Gateway) -> None:
    words = ["users=a,b", "rollout=10", "ttl=0", "mode=read-only", "page.message=Soon."]
    assert (await gateway("set", "reindex", *words, "page.retry_after=10m")).exit_code == 0
    flag = json.loads((await gateway("status", "reindex", "--json")).stdout)
    assert (flag["users"], flag["rollout"], flag["ttl"]) == (["a", "b"], 10, 0)
    assert (flag["mode"], flag["page"]["message"]) == ("read-only", "Soon.")
    assert flag["page"]["retry_after"] == 600
    await gateway("set", "reindex", "users=", "ttl=null")
    flag = json.loads((await gateway("status", "reindex", "--json")).stdout)
    assert (flag["users"], flag["ttl"], flag["rollout"]) == ([], 300, 10)


async def test_the_audit_tells_all_of_it(gateway: Gateway) -> None:
    await gateway("on", "reindex", "--user", "alice", "--reason", "why not")
    await gateway("off", "site", token="wrong")
    out = (await gateway("audit")).stdout
    assert "+alice" in out
    assert "why not" in out
    assert "refused" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("on", "serach"), 'Did you mean "search"?'),
        (("on", "zzz"), "gateway status lists the flags there are"),
        (("status", "zzz"), "There is no flag"),
        (("on", "site", "--user", "alice"), "site is a site flag"),
        (("off", "site", "--user", "alice"), "for everybody"),
        (("explain", "/", "--client", "nobody"), "client must be an IP address"),
    ],
)
async def test_a_no_is_status_1_and_one_line(
    gateway: Gateway, words: tuple[str, ...], said: str
) -> None:
    result = await gateway(*words)
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(("token", "said"), [(None, "wants a token"), ("x", "does not know")])
async def test_the_token_is_asked_for(gateway: Gateway, token: str | None, said: str) -> None:
    result = await gateway("status", token=token)
    assert result.exit_code == 1
    assert said in result.stderr


async def test_a_page_is_shown_as_visitors_get_it(gateway: Gateway, tmp_path: Path) -> None:
    await gateway("set", "search", "page.message=Soon.")
    shown = await gateway("preview", "search", "--lang", "de")
    assert shown.exit_code == 0
    assert "<!doctype html>" in shown.stdout
    assert "Wegen Wartung geschlossen" in shown.stdout
    assert "Soon." in shown.stdout

    document = await gateway("preview", "search", "--accept", "application/json")
    assert json.loads(document.stdout)["flag"] == "search"
    assert (await gateway("preview", "serach")).exit_code == 1

    file = tmp_path / "page.html"
    told = await gateway("preview", "site", "-c", str(tmp_path / "config.yaml"), "-o", str(file))
    assert told.stdout == f"written to {file}\n"
    assert "Down for maintenance" in file.read_text()
    assert (await gateway("preview", "x", "-c", str(tmp_path / "config.yaml"))).exit_code == 2
