"""status, explain and audit: what is asked, and what people read."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest

from gateway.cli.table import Table
from gateway.cli.wording import ago, holding, listed, span, state_of
from gateway.cli.yaml_beside import origin_of
from tests.support.fake_control import FakeControl, flag_document, user_flag

HEADER = ["flag", "kind", "state", "mode", "scope", "from", "since", "by", "reason", "in", "flight"]
STATUS = {
    "revision": 7,
    "members": [{"member": "a1", "pid": 42, "revision": 7}],
    "store": {"kind": "sqlite", "reachable": True, "writable": True, "error": None},
    "config": {"path": "config.yaml", "valid": True, "errors": []},
    "in_flight": 3,
    "flags": 2,
}


@pytest.fixture
def two_flags(control: FakeControl) -> FakeControl:
    override = {"from": "override", "by": "ops", "reason": "Move [1]", "in_flight": 2}
    flags = [flag_document(enabled=True, since=0, **override), user_flag(users=["a", "b", "c"])]
    control.answers["GET /flags"] = 200, {"revision": 7, "flags": flags}
    control.answers["GET /status"] = 200, STATUS
    return control


async def test_status_shows_a_line_a_flag_and_how_the_gateway_is(two_flags: FakeControl) -> None:
    lines = (await two_flags.run("status")).stdout.splitlines()
    assert lines[0].split() == HEADER
    assert " ON " in lines[1]
    assert "whole site" in lines[1]
    assert "d ago" in lines[1]
    assert "Move [1]" in lines[1]
    assert "armed, 3 users" in lines[2]
    assert "/search" in lines[2]
    assert lines[3:] == [
        "",
        "revision     7, 3 in flight",
        "member       a1: pid 42, revision 7",
        "store        sqlite",
        "config       config.yaml",
    ]


async def test_status_shows_what_is_wrong(two_flags: FakeControl) -> None:
    error = {"text": "config.yaml:14: flags.search.paths[0]: must start with /"}
    config = {"path": "config.yaml", "valid": False, "errors": [error]}
    store = {"kind": "sqlite", "reachable": False, "error": "disk I/O error"}
    wrong = {"config": config, "store": store, "failures": ["following the YAML: KeyError: 'x'"]}
    two_flags.answers["GET /status"] = 200, {**STATUS, **wrong}
    out = (await two_flags.run("status")).stdout
    assert "config       config.yaml IS NOT VALID; what it said before goes on serving" in out
    assert "config.yaml:14: flags.search.paths[0]: must start with /" in out
    assert "store        sqlite: NOT REACHED: disk I/O error" in out
    assert "FAILING      following the YAML: KeyError: 'x'" in out


async def test_status_shows_a_store_that_can_be_read_and_not_written(
    two_flags: FakeControl,
) -> None:
    store = {"kind": "sqlite", "reachable": True, "writable": False, "error": "disk is full"}
    two_flags.answers["GET /status"] = 200, {**STATUS, "store": store}
    out = (await two_flags.run("status")).stdout
    assert "store        sqlite: TAKES NO WRITES: disk is full" in out


YAML = {
    "mode": "unavailable",
    "enabled": False,
    "users": ["bob"],
    "rollout": 0,
    "ttl": 300,
    "page": {"message": None, "retry_after": 60},
}


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ({"enabled": True}, "override (yaml: off)"),
        ({"ttl": 0}, "override (yaml: ttl 300)"),
        ({"users": ["eve"], "ttl": 0}, "override (yaml: other users, ttl 300)"),
        ({"ttl": 300.0}, "override"),
        (None, "override"),
    ],
)
def test_beside_an_override_stands_what_the_yaml_says(override: Any, told: str) -> None:
    flag = flag_document(**{"from": "override", "yaml": YAML, "override": override})
    assert origin_of({**flag, "enabled": bool(override and override.get("enabled"))}) == told


async def test_status_of_one_flag_shows_both_of_each_key_that_was_flipped(
    control: FakeControl,
) -> None:
    values = {"enabled": True, "users": [], "page.retry_after": 600}
    flag = user_flag(**{"from": "override", "yaml": YAML, "override": values})
    control.answers["GET /flags/reindex"] = 200, flag
    lines = (await control.run("status", "reindex")).stdout.splitlines()
    assert [line for line in lines if line.startswith("override")] == [
        "override     enabled true (yaml: false)",
        "override     users nobody (yaml: bob)",
        "override     page.retry_after 600 (yaml: 60)",
    ]


async def test_status_shows_what_waits_for_a_restart(two_flags: FakeControl) -> None:
    notice = {"text": "config.yaml:2: listen: takes effect with a restart"}
    config = {"path": "config.yaml", "valid": True, "errors": [], "notices": [notice]}
    two_flags.answers["GET /status"] = 200, {**STATUS, "config": config}
    lines = (await two_flags.run("status")).stdout.splitlines()
    assert lines[-2:] == ["config       config.yaml", f"{'':<12} {notice['text']}"]


async def test_status_shows_members_that_are_gone_and_who_guards(two_flags: FakeControl) -> None:
    members = [
        {"member": "m1", "state": "live", "host": "w", "pid": 1, "revision": 7, "in_flight": 2},
        {
            "member": "m2",
            "state": "silent",
            "unmoved": 14.2,
            "lease": 0,
            "revision": 6,
            "abandoned": 3,
        },
        {"member": "m3", "state": "crashed", "unmoved": 65.0, "revision": 6, "in_flight": 1},
    ]
    guards = [
        {"flag": "reindex", "user": "bob", "by": "ci", "host": "w", "since": 0, "command": "./x"},
        {"flag": "site", "user": None, "by": "ann", "progress": {"done": 3, "of": 9}},
        {"flag": "search", "user": None, "by": "eve", "state": "guarding", "abandoned": True},
    ]
    two_flags.answers["GET /status"] = 200, {**STATUS, "members": members, "guards": guards}
    lines = (await two_flags.run("status")).stdout.splitlines()
    told = [line[13:] for line in lines if line.startswith(("member ", "guard "))]
    assert told[:3] == [
        "m1: pid 1, revision 7, in_flight 2",
        "m2: SILENT for 14s, revision 6, 3 given up",
        "m3: CRASHED for 1m, revision 6, in_flight 1",
    ]
    assert told[3].startswith("reindex for bob: by ci on w, ")
    assert told[3].endswith("d ago: ./x")
    assert told[4:] == [
        "site: by ann, 3 of 9",
        "search: by eve, guarding, ABANDONED: the flag stays on",
    ]


async def test_status_as_json_has_both_the_status_and_the_flags(two_flags: FakeControl) -> None:
    document = json.loads((await two_flags.run("status", "--json")).stdout)
    assert [flag["flag"] for flag in document["flags"]] == ["site", "reindex"]
    assert document["members"] == STATUS["members"]


async def test_status_of_one_flag_shows_it_in_full(control: FakeControl) -> None:
    flag = user_flag(users=["alice"], description="Rebuild of the index", ttl=0)
    control.answers["GET /flags/reindex"] = 200, flag
    lines = (await control.run("status", "reindex")).stdout.splitlines()
    assert "users        alice" in lines
    assert "ttl          0" in lines
    assert "description  Rebuild of the index" in lines
    assert lines[-1] == "revision 7: it holds every request of alice to /search"


async def test_explain_sends_the_request_and_tells_every_verdict(control: FakeControl) -> None:
    verdicts = [
        {"flag": "site", "holds": False, "reason": "disabled", "detail": "switched off"},
        {"flag": "reindex", "holds": True, "reason": "user_listed", "detail": "alice is listed"},
    ]
    control.answers["GET /explain"] = (
        200,
        {
            "flag": "reindex",
            "decision": "refuse",
            "revision": 7,
            "reason": "user_listed",
            "verdicts": verdicts,
        },
    )
    words = [
        "--cookie",
        "uid=alice",
        "--cookie",
        "x=1",
        "-H",
        "Accept: */*",
        "--client",
        "10.0.0.1",
    ]
    result = await control.run("explain", "/search?q=a b", "--method", "post", *words)
    assert control.calls[0].path == (
        "/api/v1/explain?url=%2Fsearch%3Fq%3Da+b&method=POST&header=Accept%3A+%2A%2F%2A"
        "&header=Cookie%3A+uid%3Dalice%3B+x%3D1&client=10.0.0.1"
    )
    lines = result.stdout.splitlines()
    assert lines[0] == "held back by reindex (user_listed)"
    assert lines[-1].split() == ["reindex", "holds", "user_listed", "alice", "is", "listed"]


async def test_explain_tells_a_forwarded_request(control: FakeControl) -> None:
    answer = {
        "flag": None,
        "decision": "forward",
        "revision": 7,
        "reason": "no_flag_holds",
        "verdicts": [],
    }
    control.answers["GET /explain"] = 200, answer
    result = await control.run("explain", "/")
    assert result.stdout.splitlines()[0] == "forwarded to the app (no_flag_holds)"
    control.answers["GET /explain"] = 200, {**answer, "applying": ["soon", "members"]}
    result = await control.run("explain", "/")
    assert result.stdout.splitlines()[0] == (
        "forwarded to the app (no_flag_holds), and soon, members applied"
    )


@pytest.mark.parametrize("words", [("--cookie", "uid"), ("-H", "Accept")])
async def test_explain_refuses_what_is_no_cookie_or_header(
    control: FakeControl, words: tuple[str, ...]
) -> None:
    result = await control.run("explain", "/", *words)
    assert (result.exit_code, control.calls) == (2, [])


async def test_audit_lists_who_did_what(control: FakeControl) -> None:
    entry = {
        "at": "2030-01-31T12:00:00.000Z",
        "by": "ops",
        "action": "flip",
        "flag": "site",
        "reason": "Move",
        "changes": {"enabled": True},
        "revision": 8,
    }
    control.answers["GET /audit"] = 200, {"entries": [entry]}
    result = await control.run("audit", "--limit", "5")
    assert control.calls[0].path == "/api/v1/audit?limit=5"
    line = result.stdout.splitlines()[1]
    for word in ("2030-01-31", "8", "ops", "flip", "site", "enabled=true", "Move"):
        assert word in line


async def test_audit_says_what_a_guard_did_and_how_it_ended(control: FakeControl) -> None:
    about = {"guard": "g1", "user": None, "command": "./x", "message": "why"}
    entries = [
        {"action": "guard", "by": "ops", "changes": {**about, "state": "failed", "status": 3}},
        {"action": "flip", "by": "ops", "changes": {"enabled": True, "guard": "g1"}},
    ]
    control.answers["GET /audit"] = 200, {"entries": entries}
    _, ended, flip = (await control.run("audit")).stdout.splitlines()
    assert 'command="./x" state="failed" status=3' in ended
    assert "why" not in ended
    assert "ops (guard)" in flip
    assert "g1" not in flip


def test_a_plain_table_is_aligned_and_cuts_nothing() -> None:
    table = Table(["a", "bb"], [["long value", ""], ["x", "\x1b[0m\ny"]])
    assert list(table.lines()) == ["a           bb", "long value  -", "x           \ufffd[0m y"]


def test_on_a_terminal_an_empty_column_is_left_out_and_firm_ones_keep_their_width(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdout", terminal := Terminal())
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("NO_COLOR", "1")
    header = ["flag", "by", "reason"]
    rows = [["a-name-of-some-length", "", "a [reason] that wraps, since it is long"]]
    Table(header, rows, firm=frozenset({"flag"})).print()
    out = terminal.getvalue()
    assert "a-name-of-some-length" in out
    assert "[reason]" in out
    assert " by " not in out
    assert max(map(len, re.sub(r"\x1b\[[0-9;]*m", "", out).splitlines())) <= 40


@pytest.mark.parametrize(
    ("flag", "state"),
    [
        (flag_document(), "off"),
        (flag_document(enabled=True), "ON"),
        (user_flag(), "armed, nobody"),
        (user_flag(users=["a"]), "armed, 1 user"),
        (user_flag(users=["a"], rollout=2.5), "armed, 1 user + 2.5%"),
        (user_flag(enabled=False, users=["a"]), "off"),
        (user_flag(identity={"missing": "hold"}), "armed, unnamed"),
    ],
)
def test_a_state_says_whether_anybody_is_held(flag: dict[str, object], state: str) -> None:
    assert state_of(flag) == state


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("read-only", "it holds every write to the whole site"),
        ("notice", "it puts a notice on every request to the whole site"),
        ("anonymous", "it takes the credentials out of every request to the whole site"),
    ],
)
def test_holding_says_what_a_mode_does(mode: str, told: str) -> None:
    assert holding(flag_document(enabled=True, mode=mode)) == told


def test_long_lists_of_users_are_cut() -> None:
    assert listed([str(number) for number in range(8)]) == "0, 1, 2, 3, 4 and 3 more"


def test_times_are_told_in_their_largest_unit() -> None:
    assert [span(s) for s in (5, 60, 3599, 3600, 86400, 172800)] == [
        "5s", "1m", "59m", "1h", "24h", "2d",
    ]  # fmt: skip
    assert ago("1970-01-01T00:01:00Z", 180) == "2m ago"
    assert ago(None, 180) == ""


async def test_status_tells_of_windows_and_of_what_is_forgotten_on(control: FakeControl) -> None:
    window = {
        "text": "0 3 * * SUN Europe/Berlin for 7200 s",
        "now": None,
        "next": {"start": "2099-01-01T03:00:00Z", "end": "2099-01-01T05:00:00Z"},
        "holds": False,
        "announced": True,
    }
    shown = flag_document(window=window, max=14_400)
    control.answers["GET /flags/site"] = 200, shown
    one = (await control.run("status", "site")).stdout
    assert re.search(
        r"^window +0 3 \* \* SUN Europe/Berlin for 7200 s; next at .*announced$", one, re.MULTILINE
    )
    assert re.search(r"^max +4h$", one, re.MULTILINE)
    assert re.search(r"^since +window in [0-9]+d$", one, re.MULTILINE)

    forgotten = {"flag": "site", "since": "2030-01-01T03:00:00Z", "max": 14_400}
    control.answers["GET /flags"] = 200, {"revision": 7, "flags": [shown]}
    control.answers["GET /status"] = 200, {"revision": 7, "forgotten": [forgotten]}
    every = (await control.run("status")).stdout
    assert re.search(r"^FORGOTTEN\? +site is on since .*, longer than 4h$", every, re.MULTILINE)
