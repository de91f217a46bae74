"""A guard that goes through a list: order, jobs, the journal, what it shows."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.guard.failures import GuardFailed
from gateway.cli.guard.list import Journal, read_user_list
from gateway.cli.guard.progress import Lines
from tests.support.fake_guarded import FakeGuarded

BEAT = "PUT /flags/reindex/guards/ID"


@pytest.fixture
def users(tmp_path: Path) -> Path:
    path = tmp_path / "users"
    path.write_text("ann\n\n  bob \r\nann\ncarol")
    return path


def noting(directory: Path, then: str = "true") -> tuple[str, ...]:
    return "--", "sh", "-c", f'echo "$GATEWAY_USER $1" >> {directory}/ran; {then}', "sh"


def held(fake: FakeGuarded) -> list[str]:
    """Who was held and let go, in order."""
    calls = [line for line in fake.lines if "/users/" in line]
    return [line.replace("/flags/reindex/users/", "") for line in calls]


def journaled(path: Path) -> list[tuple[str, str]]:
    lines = [line.split("\t") for line in path.read_text().splitlines()]
    assert all(len(line) == 3 and line[2].endswith("Z") for line in lines)
    return [(line[0], line[1]) for line in lines]


async def test_each_user_has_their_turn_and_it_is_armed_once(
    reindex: FakeGuarded, users: Path, tmp_path: Path
) -> None:
    result = await reindex.run("guard", "reindex", "--users", str(users), *noting(tmp_path))
    assert result.exit_code == 0, result.stderr
    assert held(reindex) == [
        "PUT ann", "DELETE ann", "PUT bob", "DELETE bob", "PUT carol", "DELETE carol",
    ]  # fmt: skip
    assert (tmp_path / "ran").read_text() == "ann ann\nbob bob\ncarol carol\n"
    patches = [call.document for call in reindex.calls_of("PATCH /flags/reindex")]
    assert [patch["ttl"] for patch in patches] == [0, None]
    assert len(reindex.calls_of("POST /flags/reindex/guards")) == 1
    assert "user" not in reindex.calls_of("POST /flags/reindex/guards")[0].document
    lines = result.stderr.splitlines()
    assert lines[0] == "3 users; 1 line named one again"
    assert [line.partition(" in ")[0] for line in lines[2:]] == [
        "ann: done", "bob: done", "carol: done",
    ]  # fmt: skip
    assert lines[-1].endswith("(3 of 3)")


async def test_users_come_from_stdin_and_the_command_gets_none_of_it(
    reindex: FakeGuarded, tmp_path: Path
) -> None:
    environ = {**os.environ, "GATEWAY_URL": reindex.url}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "guard", "reindex", "--users", "-",
        "--", "sh", "-c", "cat; echo $1", "sh",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=environ,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(b"ann\nbob\n")
    assert (process.returncode, out) == (0, b"ann\nbob\n"), err


async def test_it_stops_at_the_first_failure_and_says_how_far_it_was(
    reindex: FakeGuarded, users: Path, tmp_path: Path
) -> None:
    command = noting(tmp_path, '[ "$1" != bob ] || exit 9')
    result = await reindex.run("guard", "reindex", "--users", str(users), *command)
    assert result.exit_code == 9
    assert held(reindex) == ["PUT ann", "DELETE ann", "PUT bob"]
    assert (reindex.flag["users"], reindex.flag["ttl"]) == (["bob"], 300)
    assert result.stderr.splitlines()[-2:] == [
        "sh exited with 9: reindex stays on for bob. To lift it: gateway off reindex --user bob",
        "stopped: 1 of 3 users are done, 1 not begun",
    ]


async def test_a_second_run_goes_on_where_the_first_stopped(
    reindex: FakeGuarded, users: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    words = ("guard", "reindex", "--users", str(users), "--journal", str(journal))
    broken = noting(tmp_path, '[ "$1" != bob ] || exit 9')
    assert (await reindex.run(*words, *broken)).exit_code == 9
    assert journaled(journal) == [("ann", "done"), ("bob", "failed")]
    result = await reindex.run(*words, *noting(tmp_path))
    assert result.exit_code == 0, result.stderr
    assert journaled(journal)[2:] == [("bob", "done"), ("carol", "done")]
    assert (tmp_path / "ran").read_text() == "ann ann\nbob bob\nbob bob\ncarol carol\n"
    assert reindex.flag["users"] == []
    result = await reindex.run(*words, *noting(tmp_path))
    assert result.exit_code == 0
    assert "3 done already" in result.stderr
    assert "no user is left to guard" in result.stderr


async def test_a_user_whose_drain_fails_is_let_go_and_ends_the_round(
    reindex: FakeGuarded, users: Path, tmp_path: Path
) -> None:
    no = {"title": "No", "detail": "no", "drained": False, "reason": "2 in flight"}
    reindex.script["POST /flags/reindex/drain"] = [None, (504, no)]
    result = await reindex.run("guard", "reindex", "--users", str(users), *noting(tmp_path))
    assert result.exit_code == 68
    assert "bob: not drained: 2 in flight" in result.stderr
    assert (tmp_path / "ran").read_text() == "ann ann\n"
    assert (reindex.flag["users"], reindex.flag["ttl"]) == ([], 300)


async def test_jobs_run_side_by_side(reindex: FakeGuarded, tmp_path: Path) -> None:
    # Each waits for the other: one after another they would wait for ever.
    for name in ("ann", "bob"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "users").write_text("ann\nbob\n")
    body = (
        f"cd {tmp_path}; case $1 in ann) echo x > bob; cat ann;; bob) cat bob; echo x > ann;; esac"
    )
    words = ("guard", "reindex", "--users", str(tmp_path / "users"), "--jobs", "2")
    result = await reindex.run(*words, "--", "sh", "-c", body, "sh")
    assert result.exit_code == 0, result.stderr
    assert reindex.flag["users"] == []


async def test_jobs_that_run_when_one_fails_come_to_their_end(
    reindex: FakeGuarded, tmp_path: Path
) -> None:
    for name in ("begun", "go"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "users").write_text("ann\nbob\ncarol\n")
    ann, bob = "cat begun; exit 4", "echo x > begun; cat go; touch ended"
    body = f"cd {tmp_path}; case $1 in ann) {ann};; bob) {bob};; *) touch no;; esac"
    words = ("guard", "reindex", "--users", str(tmp_path / "users"), "--jobs", "2")
    running = asyncio.create_task(reindex.run(*words, "--", "sh", "-c", body, "sh"))
    await reindex.wait_for("POST /flags/reindex/drain", 2)
    await asyncio.to_thread((tmp_path / "go").write_text, "")
    result = await running
    assert result.exit_code == 4
    assert (tmp_path / "ended").exists()
    assert "stopped: " in result.stderr
    assert "ann" in reindex.flag["users"]
    assert "bob" not in reindex.flag["users"]


async def test_jobs_that_flip_at_the_same_time_let_everybody_go(
    reindex: FakeGuarded, tmp_path: Path
) -> None:
    names = [f"u{number}" for number in range(40)]
    (tmp_path / "users").write_text("\n".join(names))
    journal = tmp_path / "journal"
    words = ("--users", str(tmp_path / "users"), "--jobs", "8", "--journal", str(journal))
    result = await reindex.run("guard", "reindex", *words, "--", "true")
    assert result.exit_code == 0, result.stderr
    assert reindex.flag["users"] == []
    assert sorted(journaled(journal)) == sorted((name, "done") for name in names)


async def test_an_empty_list_is_no_failure_and_touches_nothing(
    reindex: FakeGuarded, tmp_path: Path
) -> None:
    (tmp_path / "users").write_text("\n  \n")
    result = await reindex.run("guard", "reindex", "--users", str(tmp_path / "users"), "--", "true")
    assert (result.exit_code, reindex.calls) == (0, [])
    assert "no user is left to guard: nothing was done" in result.stderr


async def test_a_list_that_is_not_there_is_a_status_of_its_own(reindex: FakeGuarded) -> None:
    result = await reindex.run("guard", "reindex", "--users", "/no/such", "--", "true")
    assert (result.exit_code, reindex.calls) == (73, [])


async def test_progress_goes_into_the_record(
    reindex: FakeGuarded, users: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.guard.record.BEAT", 0.01)
    os.mkfifo(tmp_path / "go")
    body = f'echo 99% > "$GATEWAY_PROGRESS"; [ $1 = carol ] && cat {tmp_path}/go; true'
    words = ("guard", "reindex", "--users", str(users), "--", "sh", "-c", body, "sh")
    running = asyncio.create_task(reindex.run(*words))
    await reindex.wait_for("POST /flags/reindex/drain", 3)
    await reindex.wait_for(BEAT, len(reindex.calls_of(BEAT)) + 2)
    said: Any = reindex.calls_of(BEAT)[-1].document
    await asyncio.to_thread((tmp_path / "go").write_text, "")
    assert (await running).exit_code == 0
    assert said["progress"] == {"done": 2, "of": 3}


def test_a_journal_s_line_that_was_cut_short_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"ann\tdone\t2030\nx\ty\tdone\t2030\nbob\tfailed\t2030\ncarol\tdone")
    journal = Journal(path)
    assert journal.done == {"ann", "x\ty"}
    journal.write("carol", done=True)
    journal.close()
    assert path.read_bytes().split(b"\n")[3:5][0] == b"carol\tdone"
    again = Journal(path)
    assert again.done == {"ann", "x\ty", "carol"}
    again.close()


def test_a_journal_has_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(GuardFailed, match="another run is writing it") as refused:
            Journal(path)
    assert refused.value.status == 66


def test_a_journal_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(GuardFailed) as refused:
        Journal(tmp_path / "no" / "journal")
    assert refused.value.status == 73


def test_a_list_drops_blank_lines_blanks_and_repeats(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_bytes(b"\xef\xbb\xbfann\r\n\r\n bob\t\nann\nbob\n\n")
    found = read_user_list(str(path))
    assert (found.users, found.repeated) == (("ann", "bob"), 2)


def test_a_line_that_is_no_user_is_named(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_bytes(b"ann\n\xff\xfe\n")
    with pytest.raises(Exception, match="line 2 is not UTF-8"):
        read_user_list(str(path))
    path.write_text("ann\n" + "x" * 600)
    with pytest.raises(Exception, match="line 2: "):
        read_user_list(str(path))


def test_plain_lines_of_a_long_list_come_one_a_second(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    lines = Lines(100, clock=lambda: now[0])
    for number in range(100):
        now[0] += 0.1
        lines.ended(f"u{number}", done=number != 50, took=0.1)
    told = capsys.readouterr().err.splitlines()
    assert 10 <= len(told) <= 13
    assert "u50: FAILED in 0.1 s (51 of 100)" in told
    assert told[-1].endswith("(100 of 100)")


async def test_a_terminal_shows_a_bar_and_what_commands_write_above_it(
    reindex: FakeGuarded, users: Path, tmp_path: Path
) -> None:
    script = (
        "import os, pty, sys\n"
        "sys.exit(os.waitstatus_to_exitcode(pty.spawn([sys.executable, '-m', 'gateway', 'guard',"
        " 'reindex', *sys.argv[1:]])))\n"
    )
    (tmp_path / "terminal.py").write_text(script)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(tmp_path / "terminal.py"),
        "--users", str(users), "--", "sh", "-c", "echo [bold]hello $1", "sh",
        stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL,
        env={**os.environ, "GATEWAY_URL": reindex.url, "TERM": "xterm", "COLUMNS": "100"},
    )  # fmt: skip
    out = (await process.communicate())[0].decode()
    assert process.returncode == 0, out
    assert "3/3" in out
    assert "[bold]hello carol" in out
