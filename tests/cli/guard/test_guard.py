"""One turn of ``gateway guard``: each step, and each way in which one can fail."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.guard import check as guard_check
from gateway.cli.guard import flag as guard_flag
from gateway.cli.guard import record as guard_record
from tests.support.fake_guarded import FakeGuarded, guarded_flag, start_fake_guarded

DRAIN, LOCK, BEAT = "POST /flags/site/drain", "POST /flags/site/guards", "PUT /flags/site/guards/ID"
FLIP, LOOK, RELEASE = "PATCH /flags/site", "GET /flags/site", "DELETE /flags/site/guards/ID"


@pytest.fixture
async def site() -> AsyncIterator[FakeGuarded]:
    fake = await start_fake_guarded(guarded_flag())
    yield fake
    await fake.server.close()


@pytest.fixture
async def reindex() -> AsyncIterator[FakeGuarded]:
    fake = await start_fake_guarded(guarded_flag("reindex"))
    yield fake
    await fake.server.close()


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """A file that a command writes to."""
    return tmp_path / "ran"


def noting(ran: Path, then: str = "true") -> tuple[str, ...]:
    """A command line that notes that it ran, with what it was told."""
    told = 'echo "$GATEWAY_FLAG $GATEWAY_REVISION ${GATEWAY_USER-nobody} $*"'
    return "--", "sh", "-c", f"{told} >> {ran}; {then}", "sh"


def problem(status: int, **members: Any) -> tuple[int, dict[str, Any]]:
    return status, {"title": "No", "detail": "it says no", "status": status, **members}


def flips(fake: FakeGuarded, line: str = FLIP) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in call.document.items() if key != "reason"}
        for call in fake.calls_of(line)
    ]


async def test_the_steps_come_in_order_and_all_is_put_back(site: FakeGuarded, ran: Path) -> None:
    result = await site.run("guard", "site", "--reason", "Move", *noting(ran))
    assert result.exit_code == 0, result.stderr
    steps = [LOOK, LOCK, BEAT, FLIP, "GET /status", BEAT, FLIP, DRAIN, FLIP]
    assert [line for line in site.lines if line in steps][:9] == steps
    assert site.lines[-1] == RELEASE
    assert flips(site) == [{"ttl": 0}, {"enabled": True}, {"enabled": None, "ttl": None}]
    assert {call.document["reason"] for call in site.calls_of(FLIP)} == {"Move"}
    assert [call.fields["If-Match"] for call in site.calls_of(FLIP)] == ['"7"', '"8"', '"9"']
    assert ran.read_text() == "site 9 nobody \n"
    assert (site.flag["enabled"], site.flag["ttl"], site.flag["override"]) == (False, 300, None)
    assert result.stderr.splitlines() == [
        "armed since revision 8: TTL 0 on 1 member",
        "on since revision 9",
        "drained in 0.0 s: 1 member, 2 finished",
        "off",
    ]


async def test_a_user_is_held_alone_and_is_the_last_argument(
    reindex: FakeGuarded, ran: Path
) -> None:
    words = ("guard", "reindex", "--user", "a/b c", *noting(ran), "--full")
    result = await reindex.run(*words)
    assert result.exit_code == 0, result.stderr
    assert ran.read_text() == "reindex 9 a/b c --full a/b c\n"
    user = "/flags/reindex/users/a%2Fb%20c"
    assert [line for line in reindex.lines if "users" in line] == [f"PUT {user}", f"DELETE {user}"]
    assert reindex.calls_of(f"DELETE {user}")[0].fields["If-Match"] == '"9"'
    assert reindex.calls_of("POST /flags/reindex/drain")[0].document["user"] == "a/b c"
    assert reindex.calls_of("POST /flags/reindex/guards")[0].document["user"] == "a/b c"
    assert (reindex.flag["users"], reindex.flag["ttl"]) == ([], 300)


async def test_launch_darkly_s_options_mean_what_they_mean_there(
    reindex: FakeGuarded, ran: Path
) -> None:
    command = noting(ran)[1:]
    words = ("guard", "-a", "secret", "-f", "reindex", "-u", "bob", *command, "-f", "--user")
    result = await reindex.run(*words)
    assert result.exit_code == 0, result.stderr
    assert ran.read_text() == "reindex 9 bob -f --user bob\n"
    assert reindex.calls[0].fields["Authorization"] == "Bearer secret"


async def test_the_command_s_own_options_stay_its_own(site: FakeGuarded, ran: Path) -> None:
    command = noting(ran)[1:]
    result = await site.run("guard", "site", "--drain", "5s", *command, "--drain", "--", "-u")
    assert result.exit_code == 0, result.stderr
    assert ran.read_text() == "site 9 nobody --drain -- -u\n"
    assert 4.5 < site.calls_of(DRAIN)[0].document["timeout"] <= 5


async def test_a_command_that_fails_leaves_the_flag_on(site: FakeGuarded, ran: Path) -> None:
    result = await site.run("guard", "site", *noting(ran, "exit 3"))
    assert result.exit_code == 3
    assert "sh exited with 3: site stays on. To lift it: gateway off site" in result.stderr
    assert (site.flag["enabled"], site.flag["ttl"]) == (True, 300)
    assert site.flag["reason"].endswith("; sh exited with 3")
    assert site.guards == {}


async def test_a_command_that_fails_for_a_user_leaves_that_user_held(
    reindex: FakeGuarded, ran: Path
) -> None:
    result = await reindex.run("guard", "reindex", "-u", "it's", *noting(ran, "exit 1"))
    assert result.exit_code == 1
    assert """reindex stays on for it's. To lift it: gateway off reindex --user 'it'"'"'s'""" in (
        result.stderr
    )
    assert reindex.flag["users"] == ["it's"]


async def test_a_command_that_a_signal_kills_is_128_and_its_number(
    site: FakeGuarded, ran: Path
) -> None:
    result = await site.run("guard", "site", *noting(ran, "kill -9 $$"))
    assert result.exit_code == 137
    assert "sh was killed by signal 9: site stays on" in result.stderr
    assert site.flag["enabled"]


async def test_a_status_that_means_nothing_was_changed_lifts_and_is_kept(
    site: FakeGuarded, ran: Path
) -> None:
    result = await site.run("guard", "site", "--lift-on", "3, 4", *noting(ran, "exit 4"))
    assert result.exit_code == 4
    assert "nothing was changed: site is off again" in result.stderr
    assert not site.flag["enabled"]


async def test_a_run_after_a_failed_one_lifts_what_that_left_on(
    site: FakeGuarded, ran: Path
) -> None:
    await site.run("guard", "site", *noting(ran, "exit 1"))
    assert (await site.run("guard", "site", *noting(ran))).exit_code == 0
    assert (site.flag["enabled"], site.flag["override"]) == (False, None)


# What keeps the command from running


async def test_a_second_guard_is_refused_and_told_who_has_it(site: FakeGuarded, ran: Path) -> None:
    holder = {
        "flag": "site", "user": None, "by": "ci", "host": "web1", "command": "./move.sh",
        "since": "2030-01-31T12:00:00.000Z",
    }  # fmt: skip
    site.script[LOCK] = [problem(409, guard=holder)]
    result = await site.run("guard", "site", *noting(ran))
    assert result.exit_code == 66
    assert "site is guarded by ci on web1 since 2030-01-31 " in result.stderr
    assert result.stderr.endswith("): ./move.sh\n")
    assert (site.lines, ran.exists()) == ([LOOK, LOCK], False)


async def test_an_abandoned_guard_is_taken_over_only_when_told(
    site: FakeGuarded, ran: Path
) -> None:
    holder = {"flag": "site", "user": None, "by": "ci", "abandoned": True}
    site.script[LOCK] = [problem(409, guard=holder)]
    result = await site.run("guard", "site", *noting(ran))
    assert result.exit_code == 66
    assert "make sure that its command has ended, then take over with --take-over" in result.stderr
    # What the dead guard had to put back is put back by the one that takes over.
    site.flag = guarded_flag(ttl=0, enabled=True, override={"ttl": 0, "enabled": True})
    site.flag["yaml"] |= {"ttl": 300, "enabled": False}
    left = {"before": {"ttl": 60, "enabled": None, "was_on": False}}

    def granted(call: Any) -> tuple[int, dict[str, Any]]:
        site.guards[call.document["owner"]] = dict(call.document)
        return 201, {**call.document, **left, "revision": 1}

    site.script[LOCK] = [granted]
    result = await site.run("guard", "site", "--take-over", *noting(ran))
    assert result.exit_code == 0, result.stderr
    assert site.calls_of(LOCK)[-1].document["take_over"] is True
    assert (site.flag["ttl"], site.flag["enabled"]) == (60, False)


async def test_a_drain_that_fails_puts_the_flag_back(site: FakeGuarded, ran: Path) -> None:
    site.script[DRAIN] = [problem(504, drained=False, reason="m2 has 3 in flight")]
    result = await site.run("guard", "site", *noting(ran))
    assert result.exit_code == 68
    assert "not drained: m2 has 3 in flight" in result.stderr
    assert not ran.exists()
    assert (site.flag["enabled"], site.flag["ttl"], site.flag["override"]) == (False, 300, None)
    assert site.guards == {}


async def test_a_flag_that_was_on_before_stays_on_where_the_command_did_not_run(
    site: FakeGuarded, ran: Path
) -> None:
    site.change(enabled=True)
    site.script[DRAIN] = [problem(504, drained=False, reason="no")]
    assert (await site.run("guard", "site", *noting(ran))).exit_code == 68
    assert site.flag["enabled"]


async def test_orphans_are_refused_unless_accepted(site: FakeGuarded, ran: Path) -> None:
    site.drained = {"abandoned": 2}
    result = await site.run("guard", "site", *noting(ran))
    assert result.exit_code == 68
    assert "2 exchanges were given up before their end" in result.stderr
    assert (site.flag["enabled"], ran.exists()) == (False, False)
    assert (await site.run("guard", "site", "--accept-orphans", *noting(ran))).exit_code == 0
    assert site.calls_of(DRAIN)[-1].document["accept_orphans"] is True


async def test_a_drain_is_told_what_is_taken_on_of_requests_elsewhere(
    site: FakeGuarded, ran: Path
) -> None:
    assert (await site.run("guard", "site", *noting(ran))).exit_code == 0
    assert site.calls_of(DRAIN)[-1].document["accept_unseen"] is False
    assert (await site.run("guard", "site", "--accept-unseen", *noting(ran))).exit_code == 0
    assert site.calls_of(DRAIN)[-1].document["accept_unseen"] is True


async def test_a_drain_at_an_earlier_revision_is_none(site: FakeGuarded, ran: Path) -> None:
    site.drained = {"revision": 3}
    result = await site.run("guard", "site", *noting(ran))
    assert (result.exit_code, ran.exists()) == (68, False)
    assert "which is before 9" in result.stderr


async def test_a_worker_that_ends_in_a_drain_is_asked_again(site: FakeGuarded, ran: Path) -> None:
    site.script[DRAIN] = [problem(503)]
    assert (await site.run("guard", "site", *noting(ran))).exit_code == 0
    assert len(site.calls_of(DRAIN)) == 2


async def test_a_flag_that_cannot_be_turned_on_is_put_back(site: FakeGuarded, ran: Path) -> None:
    site.script[FLIP] = [None, problem(403)]
    result = await site.run("guard", "site", *noting(ran))
    assert (result.exit_code, ran.exists()) == (65, False)
    assert (site.flag["enabled"], site.flag["ttl"]) == (False, 300)


async def test_a_flip_whose_answer_was_lost_is_put_back(site: FakeGuarded, ran: Path) -> None:
    def lost(call: Any) -> tuple[int, dict[str, Any]]:
        site._flip({"enabled": True}, by="local", reason=call.document["reason"])
        return problem(503)

    site.script[FLIP] = [None, lost]
    result = await site.run("guard", "site", *noting(ran))
    assert (result.exit_code, ran.exists()) == (65, False)
    assert (site.flag["enabled"], site.flag["ttl"]) == (False, 300)


async def test_a_member_that_does_not_follow_keeps_the_flag_off(
    site: FakeGuarded, ran: Path
) -> None:
    live = {"state": "live", "in_flight": 0}
    site.members = [
        {"member": "m1", "revision": 8, **live},
        {"member": "m2", "revision": 7, **live},
        {"member": "m3", "revision": 1, "state": "silent"},
        {"member": "m4", "revision": 1, "state": "crashed"},
    ]
    result = await site.run("guard", "site", "--drain", "0.05s", *noting(ran))
    assert result.exit_code == 67
    assert "not with every member yet: m2 (at 7), m3 (silent)" in result.stderr
    assert not ran.exists()
    assert flips(site) == [{"ttl": 0}, {"ttl": None}]


async def test_a_silent_member_that_is_assumed_to_be_gone_is_not_waited_for(
    site: FakeGuarded, ran: Path
) -> None:
    site.members = [{"member": "m3", "revision": 1, "state": "silent"}]
    result = await site.run("guard", "site", "--assume-gone", "m3", *noting(ran))
    assert result.exit_code == 0, result.stderr
    assert site.calls_of(DRAIN)[0].document["assume_gone"] == ["m3"]


async def test_a_silent_member_of_a_strict_flag_holds_it_by_itself(
    site: FakeGuarded, ran: Path
) -> None:
    site.flag["strict"] = True
    site.members = [{"member": "m3", "revision": 1, "state": "silent"}]
    assert (await site.run("guard", "site", *noting(ran))).exit_code == 0


async def test_a_guard_that_is_taken_away_does_not_run_its_command(
    site: FakeGuarded, ran: Path
) -> None:
    site.script[BEAT] = [problem(404)]
    result = await site.run("guard", "site", *noting(ran))
    assert (result.exit_code, ran.exists()) == (71, False)
    assert flips(site) == []


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("nope", "--", "true"), 65, "There is no flag"),
        (("site", "-u", "bob", "--", "true"), 65, "site is a site flag, for everybody"),
        (("site", "--", "no-such-command"), 127, "command not found; nothing was flipped"),
        (("site", "--", "/etc/passwd"), 126, "not executable; nothing was flipped"),
        (("site", "--check", "no-such-check", "--", "true"), 127, "command not found"),
        (("site", "--check", "http://", "--", "true"), 64, "is no address"),
        (("site",), 64, "name the command"),
        ((), 64, "name the flag"),
        (("site", "--user", "", "--", "true"), 64, "--user is empty"),
        (("site", "--jobs", "2", "--", "true"), 64, "--jobs and --journal are for --users"),
        (("site", "-u", "a", "--users", "-", "--", "true"), 64, "exclude each other"),
        (("site", "--drain", "2h", "--", "true"), 64, "an hour at most"),
        (("site", "--lead", "soon", "--", "true"), 64, "--lead"),
        (("site", "--lift-on", "0", "--", "true"), 64, "must be exit statuses"),
        (("site", "--bogus", "--", "true"), 64, "No such option"),
    ],
)
async def test_what_cannot_be_done_is_said_before_anything_is_flipped(
    site: FakeGuarded, words: tuple[str, ...], status: int, said: str
) -> None:
    result = await site.run("guard", *words)
    assert result.exit_code == status, result.stderr
    assert said in result.stderr
    assert not {FLIP, LOCK, DRAIN} & set(site.lines)


async def test_a_per_user_flag_wants_a_user(reindex: FakeGuarded) -> None:
    result = await reindex.run("guard", "reindex", "--", "true")
    assert result.exit_code == 65
    assert "name whom to hold with --user or --users" in result.stderr


async def test_a_flag_in_mode_notice_holds_nobody_and_is_not_guarded(site: FakeGuarded) -> None:
    site.change(mode="notice")
    result = await site.run("guard", "site", "--", "true")
    assert result.exit_code == 65
    assert "gateway set site mode=unavailable" in result.stderr
    assert not {FLIP, LOCK, DRAIN} & set(site.lines)


async def test_a_gateway_that_is_not_there_is_a_status_of_its_own(site: FakeGuarded) -> None:
    result = await site.run("guard", "site", "--url", "http://127.0.0.1:1", "--", "true")
    assert result.exit_code == 69


async def test_a_switched_off_user_flag_is_armed_and_switched_off_again(
    reindex: FakeGuarded, ran: Path
) -> None:
    reindex.change(enabled=False)
    result = await reindex.run("guard", "reindex", "-u", "bob", *noting(ran))
    assert result.exit_code == 0, result.stderr
    patches = flips(reindex, "PATCH /flags/reindex")
    assert patches == [{"ttl": 0, "enabled": True}, {"ttl": None, "enabled": False}]


async def test_a_switched_off_user_flag_that_lists_others_is_left_alone(
    reindex: FakeGuarded, ran: Path
) -> None:
    reindex.change(enabled=False, users=["carol"])
    result = await reindex.run("guard", "reindex", "-u", "bob", *noting(ran))
    assert (result.exit_code, ran.exists()) == (65, False)
    assert "would hold carol as well" in result.stderr


async def test_a_flag_that_would_lift_itself_is_turned_on_for_good(
    site: FakeGuarded, ran: Path
) -> None:
    site.change(enabled=True, ttl=0)
    site.flag["until"] = "2030-01-31T12:30:00.000Z"
    assert (await site.run("guard", "site", *noting(ran))).exit_code == 0
    assert flips(site)[:2] == [{"ttl": 0}, {"enabled": True}]


# Between the command and the end


async def test_a_flag_that_somebody_else_changed_is_left_as_it_is(
    site: FakeGuarded, ran: Path
) -> None:
    async def drained(call: Any) -> tuple[int, dict[str, Any]]:
        answer = site._drained(call)
        site.change(by="ann", mode="read-only")
        return 200, answer

    site.script[DRAIN] = [drained]
    result = await site.run("guard", "site", *noting(ran))
    assert result.exit_code == 71
    assert "site was changed by ann at 2030-01-31 " in result.stderr
    assert "while it was guarded, so it is left as it is: site stays on" in result.stderr
    assert site.flag["enabled"]


async def test_another_flag_s_revision_only_repeats_the_compare_and_set(
    site: FakeGuarded, ran: Path
) -> None:
    async def drained(call: Any) -> tuple[int, dict[str, Any]]:
        answer = site._drained(call)
        site.flag["revision"] += 5
        return 200, answer

    site.script[DRAIN] = [drained]
    assert (await site.run("guard", "site", *noting(ran))).exit_code == 0
    assert not site.flag["enabled"]


async def test_a_user_that_somebody_let_go_meanwhile_is_told(
    reindex: FakeGuarded, ran: Path
) -> None:
    async def drained(call: Any) -> tuple[int, dict[str, Any]]:
        answer = reindex._drained(call)
        reindex.change(by="ann", users=[])
        return 200, answer

    reindex.script["POST /flags/reindex/drain"] = [drained]
    result = await reindex.run("guard", "reindex", "-u", "bob", *noting(ran))
    assert result.exit_code == 71
    assert "reindex was changed by ann" in result.stderr


async def test_users_that_others_add_meanwhile_stay(reindex: FakeGuarded, ran: Path) -> None:
    async def drained(call: Any) -> tuple[int, dict[str, Any]]:
        answer = reindex._drained(call)
        reindex.change(by="ann", users=["bob", "carol"])
        return 200, answer

    reindex.script["POST /flags/reindex/drain"] = [drained]
    assert (await reindex.run("guard", "reindex", "-u", "bob", *noting(ran))).exit_code == 0
    assert reindex.flag["users"] == ["carol"]


async def test_a_flag_is_lifted_through_a_gateway_that_restarts(
    site: FakeGuarded, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_flag, "RETRY", 0.01)
    site.script[FLIP] = [None, None, problem(503), problem(503)]
    assert (await site.run("guard", "site", *noting(ran))).exit_code == 0
    assert not site.flag["enabled"]


async def test_a_lift_whose_answer_was_lost_is_no_change_by_others(
    site: FakeGuarded, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_flag, "RETRY", 0.01)

    def lost(call: Any) -> tuple[int, dict[str, Any]]:
        site._answer(call, "/flags/site", None)  # type: ignore[arg-type]
        return problem(503)

    site.script[FLIP] = [None, None, lost]
    result = await site.run("guard", "site", *noting(ran))
    assert result.exit_code == 0, result.stderr


async def test_a_flag_that_cannot_be_lifted_stays_on_and_is_told(
    site: FakeGuarded, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_flag, "TRIES_FOR", 0.0)
    site.script[FLIP] = [None, None, problem(503)]
    result = await site.run("guard", "site", *noting(ran))
    assert result.exit_code == 72
    assert "To lift it: gateway off site" in result.stderr


async def test_a_heartbeat_that_finds_the_guard_taken_leaves_the_flag_on(
    site: FakeGuarded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_record, "BEAT", 0.01)
    fifo = tmp_path / "go"
    os.mkfifo(fifo)
    running = asyncio.create_task(site.run("guard", "site", "--", "sh", "-c", f"cat {fifo}"))
    await site.wait_for(DRAIN)
    holder = {"flag": "site", "user": None, "by": "ann", "since": "2030-01-31T12:00:00.000Z"}
    told = asyncio.Event()

    async def taken(_call: Any) -> tuple[int, dict[str, Any]]:
        asyncio.get_running_loop().call_later(0.05, told.set)  # once it has been read
        return problem(409, guard=holder)

    site.script[BEAT] = [taken]
    await told.wait()
    await asyncio.to_thread(fifo.write_text, "")
    result = await running
    assert result.exit_code == 71
    assert "site is guarded by ann" in result.stderr
    assert site.flag["enabled"]


async def test_a_check_that_passes_lets_the_flag_be_lifted(site: FakeGuarded, ran: Path) -> None:
    result = await site.run("guard", "site", "--check", f"test -s {ran}", *noting(ran))
    assert result.exit_code == 0, result.stderr


async def test_a_check_that_does_not_pass_leaves_the_flag_on(site: FakeGuarded, ran: Path) -> None:
    words = ("--check", "test -s /no/such", "--check-for", "0")
    result = await site.run("guard", "site", *words, *noting(ran))
    assert result.exit_code == 70
    said = "the check has not passed: test -s /no/such exited with 1: site stays on"
    assert said in result.stderr
    assert site.flag["enabled"]


async def test_a_check_by_address_is_tried_again_until_it_answers_well(
    site: FakeGuarded, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_check, "PAUSE", 0.01)
    site.script["GET /healthz"] = [(503, {}), (302, {}), (200, {})]
    result = await site.run("guard", "site", "--check", f"{site.url}/healthz", *noting(ran))
    assert result.exit_code == 0, result.stderr
    assert len(site.calls_of("GET /healthz")) == 3


async def test_the_check_is_not_made_after_a_command_that_failed(
    site: FakeGuarded, ran: Path
) -> None:
    result = await site.run("guard", "site", "--check", f"{site.url}/h", *noting(ran, "exit 9"))
    assert (result.exit_code, site.calls_of("GET /h")) == (9, [])


async def test_the_ttl_stays_for_another_guard_of_the_flag(reindex: FakeGuarded, ran: Path) -> None:
    reindex.change(ttl=0)
    other = {"flag": "reindex", "user": "carol", "owner": "other"}
    reindex.guards["other"] = {**other, "before": {"ttl": 60, "enabled": None, "was_on": True}}
    assert (await reindex.run("guard", "reindex", "-u", "bob", *noting(ran))).exit_code == 0
    assert reindex.flag["ttl"] == 0
    before = reindex.calls_of("PUT /flags/reindex/guards/ID")[0].document["before"]
    assert before == {"ttl": 60, "enabled": None, "was_on": True}


async def test_heartbeats_go_on_while_the_flag_is_armed_ahead_of_time(
    site: FakeGuarded, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_record, "BEAT", 0.01)
    result = await site.run("guard", "site", "--lead", "200ms", *noting(ran))
    assert result.exit_code == 0, result.stderr
    first, second = [place for place, line in enumerate(site.lines) if line == FLIP][:2]
    assert BEAT in site.lines[first + 1 : second]
    assert len(site.calls_of(BEAT)) > 3
