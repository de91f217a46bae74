from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.check import check

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str | Path, **environ: str) -> Result:
    return CliRunner().invoke(check, [str(each) for each in arguments], env=environ)


def test_a_valid_file_is_told_with_what_would_run(folder):
    result = run("-c", EXAMPLE)

    assert result.exit_code == 0
    assert result.stderr == ""
    assert (
        result.stdout
        == f"""\
{EXAMPLE}: valid
  listen    127.0.0.1:8080
  upstream  http://127.0.0.1:8000
  control   127.0.0.1:9090, without a token
  store     sqlite:{EXAMPLE.parent}/gateway.db
  flags     in the order that they are asked:
    site     site     off
    search   feature  off, /search /api/*
    reindex  user     armed, holds 0 listed, /search /account
    writes   site     off, read-only
"""
    )


def test_every_error_goes_to_stderr_and_the_exit_status_is_2(folder):
    Path("config.yaml").write_text("upstrem: x\nflags:\n  search:\n    paths: [search]\n")

    result = run()

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "config.yaml:1: upstream: is missing: where the app is, such as http://127.0.0.1:8000",
        'config.yaml:1: upstrem: unknown key; did you mean "upstream"?',
        'config.yaml:4: flags.search.paths[0]: must start with "/"',
    ]


def test_a_file_that_is_not_there_is_told(folder):
    result = run("-c", "absent.yaml")

    assert result.exit_code == 2
    assert result.stderr == "absent.yaml: cannot be read: No such file or directory\n"


def test_the_file_can_be_named_by_the_environment(folder):
    result = run(GATEWAY_CONFIG=str(EXAMPLE))

    assert result.stdout.startswith(f"{EXAMPLE}: valid\n")


def test_without_a_file_it_checks_the_environment(folder):
    result = run(GATEWAY_UPSTREAM="https://app.example.com", GATEWAY_CONTROL_LISTEN="null")

    assert result.exit_code == 0
    assert (
        result.stdout
        == f"""\
the environment: valid
  listen    0.0.0.0:8080
  upstream  https://app.example.com:443
  control   none: flags are flipped by editing the file
  store     sqlite:{folder}/gateway.db
  flags     in the order that they are asked:
    site  site     off
"""
    )


def test_the_summary_says_what_is_on_and_never_shows_a_token(folder):
    Path("config.yaml").write_text("""\
upstream: unix:/run/app.sock
control: {token: s3cret, tokens: {board: {token: t0ken}}}
store: "memory:"
flags:
  all: {enabled: true, strict: true}
  posts: {hosts: [a.example], methods: [POST], paths: [/a], mode: read-only}
  few: {user: {cookie: uid}, users: [a, b], rollout: 12.5}
  soon: {mode: notice, notice: {banner: Soon., hide: ["#q", form]}}
  told: {mode: notice}
  out: {mode: anonymous, strip: {cookies: [sid], headers: [Authorization]}}
""")

    result = run()

    assert "control   127.0.0.1:9090, tokens: operator (operator), board (viewer)" in result.stdout
    assert "    all    site     ON, strict\n" in result.stdout
    assert "    posts  feature  off, POST at a.example at /a, read-only\n" in result.stdout
    assert "    few    user     armed, holds 2 listed and 12.5 % of all users\n" in result.stdout
    assert "    soon   site     off, notice: banner, hides #q form\n" in result.stdout
    assert "    told   site     off, notice: only the app is told\n" in result.stdout
    assert "    out    site     off, anonymous: without cookie sid, header Authorization\n" in (
        result.stdout
    )
    assert "s3cret" not in result.output
    assert "t0ken" not in result.output


@pytest.mark.parametrize(
    ("control", "said"),
    [
        ("", "control   none: flags are flipped by editing the file"),
        ("path: /-/m", "control   on the public port at /-/m, tokens: operator (operator)"),
        ("toggle: {path: /off, key: k}", "control   none, but for the toggle of site at /off"),
        (
            "listen: 127.0.0.1:9, path: /-/m",
            "control   127.0.0.1:9 and on the public port at /-/m, t",
        ),
    ],
)
def test_where_flags_are_flipped_is_told(folder, control, said):
    listen = "" if "listen" in control else "listen: null, "
    (folder / "config.yaml").write_text(
        f"upstream: http://127.0.0.1:1\ncontrol: {{{listen}token: secret, {control}}}\n"
    )

    assert f"  {said}" in run().stdout


def test_no_flags_at_all_is_said(folder):
    Path("config.yaml").write_text("upstream: http://app\nflags: {}\n")

    assert "flags     none: every request is forwarded" in run().stdout
