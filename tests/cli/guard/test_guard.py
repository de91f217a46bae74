"""One turn of ``gateway guard``: each step in its order, and what becomes of the command."""

from __future__ import annotations

from pathlib import Path

from tests.support.fake_guarded import FakeGuarded
from tests.support.guard_steps import BEAT, DRAIN, FLIP, LOCK, LOOK, RELEASE, flips, noting


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
