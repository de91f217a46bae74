"""Webhooks of two real gateways, two workers each, on one real Redis: each event once, in order."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from tests.support.gateway_process import GatewayProcess
from tests.support.receiver import Answer, Received, Receiver
from tests.support.redis_server import RedisServer
from tests.support.servers import wait_until

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="
FLAGS = """\
flags:
  site: {}
  search: {paths: [/search]}
  edited: {paths: [/edited]}
  windowed: {paths: [/windowed]}
  reindex: {paths: [/search], user: {cookie: uid}}
"""


class Fleet:
    """Both gateways, and who is told."""

    def __init__(self, folder: Path, redis: RedisServer, receiver: Receiver) -> None:
        self.receiver = receiver
        self._redis = redis
        extra = (
            "workers: 2\n"
            "webhooks:\n"
            f"  ci: {{url: '{receiver.url}/ci', secret: {SECRET}, label: test}}\n"
            f"  team: {{url: '{receiver.url}/team', format: slack, events: [flip, guard]}}\n"
        )
        self.gateways = [
            GatewayProcess(folder / name, "http://127.0.0.1:9", FLAGS, extra=extra)
            for name in ("one", "two")
        ]
        self.write(FLAGS)

    def write(self, flags: str) -> None:
        for each in self.gateways:
            on_disk = f"sqlite:{each.folder}/gateway.db"
            each.replace_config(each.config_text(flags).replace(on_disk, self._redis.url))

    def records(self, kind: str) -> dict[str, Any]:
        """As they are in the store."""
        answer = self._redis.command("HGETALL", f"{{gateway}}:records:{kind}").decode()
        words = answer.split("\r\n")[2::2]
        return {
            key: json.loads(value.partition(" ")[2])
            for key, value in zip(words[::2], words[1::2], strict=False)
        }

    def told(self, path: str, since: int, count: int) -> list[Received]:
        """What came for a path after so many, once it is so many more."""
        return self.receiver.wait_for(path, since + count)[since:]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("webhooks")
    redis = RedisServer(folder / "redis")
    redis.start()
    try:
        with Receiver() as receiver:
            fleet = Fleet(folder, redis, receiver)
            one, two = fleet.gateways
            with one, two:
                wait_until(lambda: len(fleet.records("webhooks")) == 2, "somebody tells")
                yield fleet
    finally:
        redis.kill()


def types(messages: list[Received]) -> list[str]:
    return [f"{each.document['type']} {each.document['flag']}" for each in messages]


def test_a_flip_is_told_once_whichever_gateway_was_asked_and_is_signed(fleet: Fleet) -> None:
    one, two = fleet.gateways
    ci, team = len(fleet.receiver.at("/ci")), len(fleet.receiver.at("/team"))
    one.flip("search", enabled=True, reason="new <!channel> index")
    two.flip("search", enabled=False)
    one.flip("search", enabled=True)
    two.flip("search", enabled=False)
    messages = fleet.told("/ci", ci, 4)
    assert types(messages) == ["flag.on search", "flag.off search"] * 2
    assert len({each.id for each in messages}) == 4
    for each in messages:
        assert Verifier(SECRET).verify(each.body, dict(each.fields))["label"] == "test"
    chat = [each.document["text"] for each in fleet.told("/team", team, 4)]
    assert ":construction: *search* is on since" in chat[0]
    assert "new &lt;!channel&gt; index" in chat[0]
    assert "webhook-signature" not in fleet.receiver.at("/team")[team].fields


def test_an_edit_of_the_yaml_that_both_read_is_told_once(fleet: Fleet) -> None:
    ci = len(fleet.receiver.at("/ci"))
    fleet.write(FLAGS.replace("edited: {", "edited: {enabled: true, "))
    (on,) = fleet.told("/ci", ci, 1)
    fleet.write(FLAGS)
    messages = fleet.told("/ci", ci, 2)
    assert types(messages) == ["flag.on edited", "flag.off edited"]
    assert (on.document["by"], on.document["reason"]) == ("yaml", "the YAML was edited")


def test_a_flip_for_a_while_and_a_window_are_told_when_they_end(fleet: Fleet) -> None:
    one, _ = fleet.gateways
    ci, now = len(fleet.receiver.at("/ci")), time.time()
    start, end = (datetime.fromtimestamp(now + ahead, UTC).isoformat() for ahead in (0.6, 1.6))
    one.flip("windowed", window={"start": start, "end": end})
    one.flip("site", enabled=True, **{"for": "0.5s"})
    told = types(fleet.told("/ci", ci, 5))
    assert [each for each in told if each.endswith("site")] == ["flag.on site", "flag.off site"]
    assert [each for each in told if each.endswith("windowed")] == [
        "flag.changed windowed",
        "window.began windowed",
        "window.ended windowed",
    ]
    one.reset("windowed")
    assert types(fleet.told("/ci", ci, 6))[5:] == ["flag.changed windowed"]


def test_a_guard_whose_command_fails_is_two_messages(fleet: Fleet) -> None:
    one, two = fleet.gateways
    ci, team = len(fleet.receiver.at("/ci")), len(fleet.receiver.at("/team"))
    assert one.cli("guard", "search", "--", "false").returncode == 1
    two.flip("search", enabled=False)
    started, failed, _ = messages = fleet.told("/ci", ci, 3)
    assert types(messages) == ["guard.started search", "guard.failed search", "flag.off search"]
    assert started.document["guard"]["command"] == "false"
    end = failed.document["guard"]
    assert (end["status"], end["left_on"]) == (1, True)
    assert end["id"] == started.document["guard"]["id"]
    assert "false exited with 1: search stays on" in failed.document["reason"]
    chat = [each.document["text"] for each in fleet.told("/team", team, 2)]
    assert chat[1].startswith(":rotating_light: `false` failed and *search* STAYS ON")


def test_a_guard_of_many_users_is_two_messages(fleet: Fleet, tmp_path: Path) -> None:
    one, _ = fleet.gateways
    ci = len(fleet.receiver.at("/ci"))
    (tmp_path / "users").write_text("\n".join(f"user{number}" for number in range(30)))
    users = str(tmp_path / "users")
    assert one.cli("guard", "reindex", "--users", users, "--", "true").returncode == 0
    one.flip("search", enabled=True)
    one.flip("search", enabled=False)
    _, finished, *_ = messages = fleet.told("/ci", ci, 4)
    assert types(messages)[:3] == [
        "guard.started reindex",
        "guard.finished reindex",
        "flag.on search",
    ]
    end = finished.document["guard"]
    assert (end["done"], end["of"], end["left_on"]) == (30, 30, False)


def test_users_who_are_added_one_by_one_are_one_message(fleet: Fleet) -> None:
    one, _ = fleet.gateways
    ci = len(fleet.receiver.at("/ci"))
    for number in range(5):
        assert one.call("PUT", f"flags/reindex/users/user{number}").status == 200
    one.flip("reindex", users=[])
    one.flip("search", enabled=True)
    one.flip("search", enabled=False)
    messages = fleet.told("/ci", ci, 3)
    assert types(messages) == ["flag.users reindex", "flag.on search", "flag.off search"]
    users = messages[0].document["users"]
    assert (users["added_count"], users["removed_count"]) == (5, 5)


def test_a_yaml_that_is_wrong_for_both_is_told_once_and_so_is_its_mending(fleet: Fleet) -> None:
    ci = len(fleet.receiver.at("/ci"))
    fleet.write("flags: 3\n")
    (invalid,) = fleet.told("/ci", ci, 1)
    fleet.write(FLAGS)
    messages = fleet.told("/ci", ci, 2)
    assert types(messages) == ["config.invalid None", "config.valid None"]
    assert "must be a mapping" in invalid.document["reason"]


def test_a_receiver_that_was_down_gets_everything_in_order(fleet: Fleet) -> None:
    one, _ = fleet.gateways
    fleet.receiver.answers = [Answer(503, {"Retry-After": "1"})] * 2
    ci, team = len(fleet.receiver.at("/ci")), len(fleet.receiver.at("/team"))
    one.flip("search", enabled=True)
    one.flip("search", enabled=False)
    wait_until(lambda: not fleet.receiver.answers, "both have failed")
    one.flip("search", enabled=True)
    one.flip("search", enabled=False)
    for path, since in (("/ci", ci), ("/team", team)):
        wait_until(
            lambda: len({each.id for each in fleet.receiver.at(path)[since:]}) == 4,  # noqa: B023 at once
            f"four messages at {path}",
        )
        told = fleet.receiver.at(path)[since:]
        ids = list(dict.fromkeys(each.id for each in told))
        assert ids == sorted(ids, key=lambda each: int(each.rpartition("_")[2]))
        assert {each.body for each in told if each.id == ids[0]} == {told[0].body}


def test_webhooks_are_shown_and_tried_by_the_command_line(fleet: Fleet) -> None:
    one, two = fleet.gateways
    shown = one.cli("webhooks")
    assert shown.returncode == 0
    assert "json, signed" in shown.stdout
    assert fleet.receiver.url not in shown.stdout
    ci = len(fleet.receiver.at("/ci"))
    tried = two.cli("webhooks", "test", "ci")
    assert (tried.returncode, tried.stdout) == (0, "ci was told: it answered 200\n")
    assert types(fleet.told("/ci", ci, 1)) == ["webhook.test None"]
    fleet.receiver.answers = [Answer(404)]
    tried = two.cli("webhooks", "test", "ci")
    assert tried.returncode == 1
    assert "ci was not told: it answered 404" in tried.stderr
    assert two.cli("webhooks", "test", "nobody").returncode == 1
    text = one.call("GET", "/metrics").document
    assert "gateway_webhook_deliveries_total{" in text + two.call("GET", "/metrics").document


def test_a_teller_that_is_killed_before_its_answer_came_loses_nothing(fleet: Fleet) -> None:
    ci = len(fleet.receiver.at("/ci"))
    fleet.receiver.open.clear()
    fleet.gateways[0].flip("search", enabled=True)
    (first,) = fleet.told("/ci", ci, 1)
    member = fleet.records("teller")["webhooks"]["member"]
    members = {
        each["member"]
        for each in fleet.gateways[0].call("GET", "status").document["members"]
        if each["member"] == member
    }
    assert members == {member}
    host_pid = int(member.rsplit("-", 3)[1])
    teller = next(each for each in fleet.gateways if host_pid in _processes(each))
    teller.program.kill()
    fleet.receiver.open.set()
    again = fleet.told("/ci", ci, 2)[1]
    assert (again.id, again.body) == (first.id, first.body)
    assert fleet.records("teller")["webhooks"]["member"] != member
    other = next(each for each in fleet.gateways if each is not teller)
    other.flip("search", enabled=False)
    assert types(fleet.told("/ci", ci, 3)) == [
        "flag.on search",
        "flag.on search",
        "flag.off search",
    ]
    teller.program.start()


def _processes(gateway: GatewayProcess) -> set[int]:
    found, waiting = set(), [gateway.program.pid]
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        children = Path(f"/proc/{pid}/task/{pid}/children")
        waiting += map(int, children.read_text().split())
    return found
