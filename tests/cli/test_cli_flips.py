"""on, off, set and reset: what goes over the wire, and the line that comes back."""

from __future__ import annotations

import json

import pytest

from gateway.cli.failures import Misused
from gateway.cli.set import read_pairs
from tests.support.fake_control import FakeControl, flag_document, user_flag

SITE_ON = flag_document(enabled=True, **{"from": "override"})


async def test_on_turns_a_flag_on_and_says_what_holds(control: FakeControl) -> None:
    control.answers["PATCH /flags/site"] = 200, SITE_ON
    result = await control.run("on", "site", "--reason", "Move", "--for", "30m")
    assert control.calls[0].document == {"enabled": True, "reason": "Move", "for": "30m"}
    assert control.calls[0].fields["Content-Type"] == "application/json"
    assert result.stdout == (
        "site is on since revision 7: it holds every request to the whole site\n"
    )


async def test_on_without_user_arms_and_says_whom_it_holds(control: FakeControl) -> None:
    control.answers["PATCH /flags/reindex"] = 200, user_flag(users=["alice", "bob"], rollout=10)
    result = await control.run("on", "reindex")
    assert (
        "it holds every request of alice, bob and 10% of all other users to /search"
        in result.stdout
    )


async def test_on_of_a_user_flag_that_lists_nobody_says_how_to_name_one(
    control: FakeControl,
) -> None:
    control.answers["PATCH /flags/reindex"] = 200, user_flag()
    result = await control.run("on", "reindex")
    assert result.stdout.splitlines() == [
        "reindex is armed since revision 7: it holds nobody yet (as the YAML says)",
        "name whom to hold: gateway on reindex --user USER",
    ]


async def test_on_with_users_adds_them_in_one_call(control: FakeControl) -> None:
    control.answers["GET /flags/reindex"] = 200, user_flag()
    control.answers["POST /flags/reindex/users"] = 200, user_flag(users=["alice", "bob"])
    result = await control.run("on", "reindex", "--user", "alice", "--user", "bob", "--reason", "x")
    assert control.calls[1].document == {"add": ["alice", "bob"], "reason": "x"}
    assert "of alice, bob to /search" in result.stdout


async def test_on_with_users_for_a_while_compares_and_sets(control: FakeControl) -> None:
    control.answers["GET /flags/reindex"] = [
        (200, user_flag(enabled=False)),
        (200, user_flag(enabled=False, users=["alice"], revision=8)),
    ]
    moved = 412, {"detail": "moved"}
    control.answers["PATCH /flags/reindex"] = [moved, (200, user_flag(users=["alice"]))]
    result = await control.run("on", "reindex", "--user", "alice", "--for", "5m")
    assert result.exit_code == 0
    last = control.calls[-1]
    assert last.fields["If-Match"] == '"8"'
    assert last.document == {"enabled": True, "users": ["alice"], "for": "5m"}


async def test_on_for_a_while_names_the_users_that_are_lifted_even_if_held_already(
    control: FakeControl,
) -> None:
    control.answers["GET /flags/reindex"] = 200, user_flag(users=["alice", "carol"])
    control.answers["POST /flags/reindex/users"] = 200, user_flag(users=["alice", "carol"])
    assert (await control.run("on", "reindex", "--user", "alice", "--for", "2s")).exit_code == 0
    assert control.calls[-1].document == {"add": ["alice"], "for": "2s"}


async def test_on_with_a_user_turns_a_thrown_switch_on_where_nobody_else_is_listed(
    control: FakeControl,
) -> None:
    control.answers["GET /flags/reindex"] = 200, user_flag(enabled=False)
    control.answers["PATCH /flags/reindex"] = 200, user_flag(users=["alice"])
    assert (await control.run("on", "reindex", "--user", "alice")).exit_code == 0
    assert control.calls[1].document == {"enabled": True, "users": ["alice"]}


@pytest.mark.parametrize("others", [{"users": ["bob"]}, {"rollout": 5}])
async def test_on_with_a_user_does_not_hold_others_behind_a_thrown_switch(
    control: FakeControl, others: dict[str, object]
) -> None:
    control.answers["GET /flags/reindex"] = 200, user_flag(enabled=False, **others)
    result = await control.run("on", "reindex", "--user", "alice")
    assert result.exit_code == 1
    assert "reindex is switched off, and switching it on would hold" in result.stderr
    assert len(control.calls) == 1


async def test_on_with_a_user_of_a_flag_for_everybody_is_refused(control: FakeControl) -> None:
    control.answers["GET /flags/site"] = 200, flag_document()
    result = await control.run("on", "site", "--user", "alice")
    assert result.exit_code == 1
    assert "site is a site flag, for everybody" in result.stderr


DRAINED = {
    "drained": True,
    "revision": 7,
    "members": ["a", "b"],
    "waited": 0.31,
    "finished": 12,
    "cut": 1,
    "abandoned": 0,
    "missing": ["c"],
}


async def test_on_drains_once_it_is_on(control: FakeControl) -> None:
    control.answers["PATCH /flags/site"] = 200, SITE_ON
    control.answers["POST /flags/site/drain"] = 200, DRAINED
    result = await control.run("on", "site", "--drain", "1m")
    assert result.exit_code == 0
    assert 59 < control.calls[1].document["timeout"] <= 60
    assert result.stdout.splitlines()[1] == (
        "drained in 0.3 s: 2 members, 12 finished, 1 cut, gone: c"
    )


async def test_on_with_users_drains_each_of_them(control: FakeControl) -> None:
    control.answers["GET /flags/reindex"] = 200, user_flag()
    control.answers["POST /flags/reindex/users"] = 200, user_flag(users=["alice", "bob"])
    control.answers["POST /flags/reindex/drain"] = 200, DRAINED
    words = ("on", "reindex", "--user", "alice", "--user", "bob", "--drain", "5s")
    assert (await control.run(*words)).exit_code == 0
    assert [call.document["user"] for call in control.calls[2:]] == ["alice", "bob"]


async def test_with_json_a_flip_and_its_drains_are_one_document(control: FakeControl) -> None:
    control.answers["PATCH /flags/site"] = 200, SITE_ON
    control.answers["POST /flags/site/drain"] = 200, DRAINED
    result = await control.run("on", "site", "--drain", "5s", "--json")
    assert json.loads(result.stdout) == {**SITE_ON, "drains": [DRAINED]}


async def test_a_drain_that_does_not_end_is_said_and_the_flag_stays_on(
    control: FakeControl,
) -> None:
    said = {"title": "Gateway Timeout", "detail": "The flag site is not drained: a has 3."}
    control.answers["PATCH /flags/site"] = 200, SITE_ON
    control.answers["POST /flags/site/drain"] = 504, said
    result = await control.run("on", "site", "--drain", "5s")
    assert result.exit_code == 1
    assert "site is on" in result.stdout
    assert "The flag site is not drained: a has 3." in result.stderr
    assert len(control.calls) == 2


@pytest.mark.parametrize("drain", ["soon", "0", "2h"])
async def test_a_drain_of_no_length_is_called_wrongly(control: FakeControl, drain: str) -> None:
    result = await control.run("on", "site", f"--drain={drain}")
    assert (result.exit_code, control.calls) == (2, [])


@pytest.mark.parametrize("lasts", ["soon", "0", "-5m"])
async def test_a_duration_that_is_none_is_called_wrongly(control: FakeControl, lasts: str) -> None:
    result = await control.run("on", "site", f"--for={lasts}")
    assert (result.exit_code, control.calls) == (2, [])
    assert "--for" in result.stderr


async def test_until_is_told_in_local_time(control: FakeControl) -> None:
    control.answers["PATCH /flags/site"] = 200, {**SITE_ON, "until": "2030-01-31T12:00:00.000Z"}
    assert ", until 2030-01-31 " in (await control.run("on", "site", "--for", "1h")).stdout


async def test_off_throws_the_switch(control: FakeControl) -> None:
    control.answers["PATCH /flags/site"] = 200, flag_document(**{"from": "override"})
    result = await control.run("off", "site", "--reason", "done")
    assert control.calls[0].document == {"enabled": False, "reason": "done"}
    assert result.stdout == "site is off since revision 7: it holds nobody\n"


async def test_off_with_a_user_lets_only_them_go(control: FakeControl) -> None:
    control.answers["POST /flags/reindex/users"] = 200, user_flag(users=["bob"], rollout=10)
    result = await control.run("off", "reindex", "--user", "alice")
    assert control.calls[0].document == {"remove": ["alice"]}
    assert "of bob and 10% of all other users" in result.stdout
    assert "its rollout of 10% may hold them still" in result.stdout


async def test_set_sends_one_merge_patch(control: FakeControl) -> None:
    control.answers["PATCH /flags/reindex"] = 200, user_flag()
    words = ["users=a,b", "rollout=12.5", "ttl=0", "mode=read-only", "enabled=off"]
    page = ["page.message=Back = soon.", "page.retry_after=10m"]
    result = await control.run("set", "reindex", *words, *page, "--reason", "why", "--for", "2h")
    assert result.exit_code == 0
    assert control.calls[0].line == "PATCH /api/v1/flags/reindex"
    assert control.calls[0].document == {
        "users": ["a", "b"],
        "rollout": 12.5,
        "ttl": "0",
        "mode": "read-only",
        "enabled": False,
        "page": {"message": "Back = soon.", "retry_after": "10m"},
        "reason": "why",
        "for": "2h",
    }


def test_set_takes_a_key_back_to_the_yaml() -> None:
    assert read_pairs(("users=", "ttl=null", "page.message=")) == {
        "users": None,
        "ttl": None,
        "page": {"message": None},
    }


def test_set_takes_users_as_json_too() -> None:
    assert read_pairs(('users=["a,b"]',)) == {"users": ["a,b"]}
    assert read_pairs(("users=[]",)) == {"users": []}


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("enabled", "write KEY=VALUE"),
        ("enabled=maybe", "enabled: must be true or false"),
        ("rollout=many", "rollout: must be a number"),
        ("rollout=101", "rollout: must be a number"),
        ("ttl=soon", "ttl: must be seconds"),
        ("mode=greyscale", "mode: must be one of"),
        ("rolout=5", "did you mean rollout?"),
        ("users=[1]", "users[0]: must be a text"),
        ("reason=x", "use --reason"),
        ("for=5m", "use --for"),
    ],
)
def test_set_says_what_is_wrong_before_it_asks(pair: str, said: str) -> None:
    with pytest.raises(Misused) as wrong:
        read_pairs((pair,))
    assert said in wrong.value.message


def test_set_takes_a_window_as_an_interval_as_json_or_off() -> None:
    start, end = "2030-01-31T03:00+01:00", "2030-01-31T05:00+01:00"
    assert read_pairs((f"window={start}/{end}",)) == {"window": {"start": start, "end": end}}
    again = {"cron": "0 3 * * sun", "for": "2h", "timezone": "Europe/Berlin"}
    assert read_pairs((f"window={json.dumps(again)}",)) == {"window": again}
    assert read_pairs(("window=off",)) == {"window": False}
    assert read_pairs(("window=",)) == {"window": None}


def test_set_takes_each_key_once() -> None:
    with pytest.raises(Misused):
        read_pairs(("ttl=1", "ttl=2"))


async def test_reset_takes_the_override_away(control: FakeControl) -> None:
    control.answers["DELETE /flags/site/override"] = 200, flag_document()
    result = await control.run("reset", "site", "--reason", "all done")
    assert control.calls[0].line == "DELETE /api/v1/flags/site/override?reason=all+done"
    assert result.stdout == "site is off since revision 7: it holds nobody (as the YAML says)\n"
