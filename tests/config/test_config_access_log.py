"""``access_log``: off unless it has a path; where, and in which form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config import Settings
from gateway.config.settings import AccessLog, LogFormat

Load = Callable[..., Settings]
Errors = Callable[..., list[str]]


@pytest.mark.parametrize("text", ["", "access_log:\n", "access_log: null"])
def test_there_is_none_unless_it_is_asked_for(read: Load, text: str) -> None:
    assert read(text).access_log is None


def test_a_file_is_looked_for_beside_the_yaml(read: Load) -> None:
    found = read("access_log: {path: logs/access.log}")
    assert found.path is not None
    where = found.path.absolute().parent / "logs" / "access.log"
    assert found.access_log == AccessLog(where, LogFormat.JSON)
    absolute = read("access_log: {path: /var/log/a.log, format: common}").access_log
    assert absolute == AccessLog(Path("/var/log/a.log"), LogFormat.COMMON)


def test_a_dash_is_the_standard_output(read: Load) -> None:
    assert read('access_log: {path: "-"}').access_log == AccessLog(None)
    environ = {"GATEWAY_ACCESS_LOG_PATH": "-", "GATEWAY_ACCESS_LOG_FORMAT": "combined"}
    assert read("", environ).access_log == AccessLog(None, LogFormat.COMBINED)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("access_log: {format: json}", "access_log.path: is missing"),
        ("access_log: {}", "access_log.path: is missing"),
        ("access_log: /var/log/a.log", "access_log: must be a mapping"),
        ("access_log: {path: a, format: jsn}", "access_log.format: must be one of json"),
        ("access_log: {path: a, file: b}", "access_log.file: unknown key"),
        ("access_log: {path: ''}", "access_log.path: must not be empty"),
    ],
)
def test_what_is_wrong_is_said(errors: Errors, text: str, error: str) -> None:
    found = errors(text)
    assert any(error in each for each in found)
