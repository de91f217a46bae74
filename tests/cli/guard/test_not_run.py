"""What keeps a guard from running its command, and that the flag is put back then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_guarded import FakeGuarded, guarded_flag
from tests.support.guard_steps import BEAT, DRAIN, FLIP, LOCK, LOOK, flips, noting, problem


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
