"""What goes to stderr."""

from __future__ import annotations

import logging
import os
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.cli.logs import ForJournal, Unraisable, leads_to_journal


def unraisable(error: Exception) -> Any:
    return SimpleNamespace(
        exc_type=type(error), exc_value=error, exc_traceback=None, err_msg=None, object=None
    )


def test_a_server_name_that_is_not_ascii_is_a_line_now_and_then(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    hook = Unraisable()
    with caplog.at_level(logging.WARNING):
        for _ in range(100):
            hook(unraisable(UnicodeDecodeError("ascii", b"\xff", 0, 1, "ordinal not in range")))

    assert caplog.messages == ["a TLS handshake was refused: the server name is not ASCII"]
    assert capsys.readouterr().err == ""


def test_a_bug_that_nobody_can_handle_is_told_in_full(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(sys, "__unraisablehook__", told.append)
    bug = unraisable(RuntimeError("a bug"))
    Unraisable()(bug)

    assert told == [bug]


@pytest.mark.parametrize(
    ("level", "priority"),
    [("DEBUG", 7), ("INFO", 6), ("WARNING", 4), ("ERROR", 3), ("CRITICAL", 2)],
)
def test_each_entry_of_the_journal_has_its_priority(level: str, priority: int) -> None:
    record = logging.makeLogRecord(
        {
            "name": "gateway.state",
            "levelno": logging.getLevelNamesMapping()[level],
            "msg": "the YAML is wrong:\nfirst\nsecond",
        }
    )

    said = ForJournal("%(name)s: %(message)s").format(record)
    assert said == f"<{priority}>gateway.state: the YAML is wrong: first; second"


def test_each_line_of_a_traceback_has_the_priority_too() -> None:
    try:
        raise RuntimeError("a bug")  # noqa: TRY301 for its traceback
    except RuntimeError as bug:
        told = (type(bug), bug, bug.__traceback__)
    record = logging.makeLogRecord({"levelno": logging.ERROR, "msg": "it failed", "exc_info": told})

    lines = ForJournal("%(message)s").format(record).split("\n")
    assert len(lines) > 2
    assert all(line.startswith("<3>") for line in lines)


def test_the_journal_is_where_systemd_says_it_is() -> None:
    reader, writer = os.pipe()
    found = os.fstat(writer)
    said = {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
    try:
        assert leads_to_journal(said, writer)
        assert not leads_to_journal({"JOURNAL_STREAM": "1:1"}, writer)
        assert not leads_to_journal({}, writer)
    finally:
        os.close(reader)
        os.close(writer)
    assert not leads_to_journal(said, 10_000)
