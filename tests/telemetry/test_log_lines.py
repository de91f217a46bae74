"""Lines of the access log: whatever visitors send, a request is one line of so many fields."""

from __future__ import annotations

import json
import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.settings import LogFormat
from gateway.telemetry.log_lines import End, Entry, Verdict, line_form

AT = 1_790_000_000.1239  # 2026-09-21T14:13:20.123Z
REFUSED = Verdict("refuse", "site", "site", "unavailable")
COMMON = re.compile(
    rb'(\S+) - - \[([^]]+)\] "([^"]*)" (\d{3}) (\d+|-) "([^"]*)" "([^"]*)"\n', re.DOTALL
)
COMBINED = re.compile(
    rb'(\S+) - - \[([^]]+)\] "([^"]*)" (\d{3}) (\d+|-) "([^"]*)" "([^"]*)" "([^"]*)" "([^"]*)"\n',
    re.DOTALL,
)


def entry(target: bytes = b"/search?q=1", verdict: Verdict = REFUSED, size: int = 1024) -> Entry:
    http_1_0 = False
    return Entry(AT, b"GET", target, http_1_0, 503, size, 0.25, None, 0.0, verdict, End.WHOLE)


def written(
    form: LogFormat,
    made: Entry,
    client: str = "192.0.2.1",
    referer: bytes | None = None,
    agent: bytes | None = b"curl",
) -> bytes:
    made_form = line_form(form, "host-1-0-ab")
    return made_form.line(made, made_form.seen(client, b"example.com", referer, agent))


def test_json_has_every_field() -> None:
    line = written(LogFormat.JSON, entry())
    assert json.loads(line) == {
        "time": "2026-09-21T14:13:20.123Z",
        "client": "192.0.2.1",
        "method": "GET",
        "target": "/search?q=1",
        "protocol": "HTTP/1.1",
        "host": "example.com",
        "status": 503,
        "bytes": 1024,
        "seconds": 0.25,
        "app_seconds": None,
        "held_seconds": 0.0,
        "decision": "refuse",
        "flag": "site",
        "reason": "site",
        "mode": "unavailable",
        "end": "whole",
        "referer": None,
        "user_agent": "curl",
        "member": "host-1-0-ab",
    }
    assert datetime.fromisoformat(json.loads(line)["time"]).timestamp() == 1_790_000_000.123


def test_common_log_has_flag_and_reason_at_its_end() -> None:
    assert written(LogFormat.COMMON, entry()) == (
        b'192.0.2.1 - - [21/Sep/2026:14:13:20 +0000] "GET /search?q=1 HTTP/1.1" 503 1024 '
        b'"site" "site"\n'
    )


def test_combined_log_has_them_after_what_others_know() -> None:
    assert written(LogFormat.COMBINED, entry(), referer=b"http://a/") == (
        b'192.0.2.1 - - [21/Sep/2026:14:13:20 +0000] "GET /search?q=1 HTTP/1.1" 503 1024 '
        b'"http://a/" "curl" "site" "site"\n'
    )


@pytest.mark.parametrize("form", LogFormat)
def test_head_that_was_not_understood_has_a_line_too(form: LogFormat) -> None:
    broken = entry(b"")._replace(method=b"", status=400, verdict=Verdict("", "", "", ""))
    line = written(form, broken, agent=None)
    if form is LogFormat.JSON:
        assert json.loads(line)["method"] is json.loads(line)["decision"] is None
    else:
        assert b'"-" 400 ' in line


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (b'/"x', rb"/\x22x"),
        (b"/a\\b", rb"/a\x5Cb"),
        (b"/\xff\x00\n\r\x7f", rb"/\xFF\x00\x0A\x0D\x7F"),
        ("/ü".encode(), rb"/\xC3\xBC"),
    ],
)
def test_common_log_escapes_as_nginx_does(sent: bytes, shown: bytes) -> None:
    assert b'"GET %b HTTP/1.1"' % shown in written(LogFormat.COMMON, entry(sent))


def test_json_shows_text_as_text_and_the_rest_as_bytes() -> None:
    assert json.loads(written(LogFormat.JSON, entry("/ü".encode())))["target"] == "/ü"
    assert json.loads(written(LogFormat.JSON, entry(b"/\xff")))["target"] == "/\\xff"


@given(st.binary(min_size=1), st.binary(), st.binary(), st.text())
def test_nothing_that_is_sent_makes_another_line_or_field(
    target: bytes, referer: bytes, agent: bytes, client: str
) -> None:
    for form, shape in ((LogFormat.COMMON, COMMON), (LogFormat.COMBINED, COMBINED)):
        line = written(form, entry(target), client, referer, agent)
        assert shape.fullmatch(line)
        assert line.isascii()
    line = written(LogFormat.JSON, entry(target), client, referer, agent)
    assert line.count(b"\n") == 1
    assert line.isascii()
    assert len(json.loads(line)) == 19


def test_verdicts_are_told_apart_however_many_there_are() -> None:
    form = line_form(LogFormat.JSON, "m")
    seen = form.seen("", b"", None, None)
    for number in [*range(600), 3]:
        verdict = Verdict("refuse", f"f{number}", "site", "hold")
        assert json.loads(form.line(entry(verdict=verdict), seen))["flag"] == f"f{number}"
