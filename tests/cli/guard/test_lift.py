"""From the end of a guarded command on: what others changed, and whether the flag is lifted."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.guard import check as guard_check
from gateway.cli.guard import flag as guard_flag
from gateway.cli.guard import record as guard_record
from tests.support.fake_guarded import FakeGuarded
from tests.support.guard_steps import BEAT, DRAIN, FLIP, noting, problem


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
