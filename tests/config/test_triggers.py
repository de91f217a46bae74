"""Trigger files: what they say, and that nothing wrong with one turns its flag off."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config.triggers import read_trigger, trigger_errors
from gateway.core.flags import Trigger
from gateway.core.overrides import state_digest
from tests.config.conftest import Errors, Load

Written = Callable[[str | bytes], Trigger]


@pytest.fixture
def said(tmp_path: Path) -> Written:
    def read(content: str | bytes) -> Trigger:
        file = tmp_path / "down"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_trigger(str(file), case_sensitive=False)

    return read


def test_the_file_is_looked_for_beside_the_config(read: Load, tmp_path: Path) -> None:
    (tmp_path / "down").touch()
    flags = read("flags: {a: {source: {file: down}}, b: {source: {file: /nowhere/at/all}}}").flags
    triggers = [flag.trigger for flag in flags]
    assert triggers == [Trigger(str(tmp_path / "down"), on=True), Trigger("/nowhere/at/all")]


def test_a_flip_of_before_does_not_outlive_an_edit_of_the_source(read: Load) -> None:
    (before,) = read("flags: {site: {}}").flags
    (after,) = read("flags: {site: {source: {file: down}}}").flags
    assert state_digest(before.state) != state_digest(after.state)


def test_an_empty_file_says_that_it_is_there(said: Written) -> None:
    for content in ("", "# a comment\n", "null\n"):
        trigger = said(content)
        assert (trigger.on, trigger.errors, trigger.message) == (True, (), None)


def test_a_mapping_says_more(said: Written) -> None:
    trigger = said(
        "message: Back for ${5}.\nretry_after: 10m\nstatus: 418\n"
        "allow: {paths: [/status], ips: [10.0.0.0/8, 192.0.2.7]}\n"
    )
    assert (trigger.message, trigger.retry_after, trigger.errors) == ("Back for ${5}.", 600, ())
    assert trigger.status == 418
    assert [str(path) for path in trigger.allow.paths] == ["/status"]
    assert list(map(str, trigger.allow.networks)) == ["10.0.0.0/8", "192.0.2.7/32"]


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("back soon", 1, "must be empty, or a mapping"),
        ("message: a\nmesage: b\n", 2, "mesage: unknown key"),
        ("allow:\n  ips: [10.0.0.0/8, all]\n", 2, "allow.ips[1]: "),
        ("allow: {users: [a]}\n", 1, "allow.users: unknown key"),
        ("message: [\n", 1, "is not valid YAML"),
        (b"message: \xff\n", 1, "is not UTF-8"),
        ("#" * 70_000, None, "is larger than 64 KiB"),
    ],
)
def test_what_cannot_be_used_leaves_the_flag_on(
    said: Written, content: str | bytes, line: int | None, words: str
) -> None:
    trigger = said(content)
    assert (trigger.on, trigger.message, trigger.allow.networks) == (True, None, ())
    assert trigger.errors[0][0] == line
    assert words in trigger.errors[0][1]


def test_whatever_else_is_there_leaves_the_flag_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nothing")
    (tmp_path / "file").touch()
    for name in ("pipe", "folder", "link", "file/below"):
        trigger = read_trigger(str(tmp_path / name), case_sensitive=False)
        assert trigger.on, name
        assert trigger.errors, name


def test_a_wrong_file_is_no_error_of_the_config(read: Load, tmp_path: Path) -> None:
    (tmp_path / "down").write_text("no mapping")
    (error,) = trigger_errors(read("flags: {site: {source: {file: down}}}"))
    assert str(error).startswith(f"{tmp_path / 'down'}:1: flags.site.source: must be empty")


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("source: {}", "source: must be {file: PATH}"),
        ("source: down", "source: must be a mapping"),
        ("source: {file: ' '}", "source.file: must not be empty"),
        ("source: {ofrep: a}", "source.ofrep: this version does not do flags decided by OFREP yet"),
        ("source: {file: a}, enabled: true", "enabled: is for source to say"),
        ("source: {file: a}, window: {cron: 0 3 * * *, for: 1h}", "window: is for source to say"),
        ("source: {path: a}", "source.path: unknown key"),
    ],
)
def test_a_wrong_source_is_an_error(errors: Errors, flag: str, expected: str) -> None:
    found = errors(f"flags: {{site: {{{flag}}}}}")
    assert f"flags.site.{expected}" in found[0]
