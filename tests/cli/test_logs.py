"""What goes to stderr."""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.cli.logs import Unraisable


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
