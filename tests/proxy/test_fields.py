"""Which fields a Connection line can take away, and which it cannot."""

from __future__ import annotations

import pytest

from gateway.proxy.fields import FORWARDING, NEVER_NAMED_AWAY, join, tells_the_way, without_named


def test_named_fields_end_here_in_any_case() -> None:
    fields = [(b"X-Hop", b"1"), (b"x-hop", b"2"), (b"X-Keep", b"3")]

    assert without_named(fields, [b"close", b"x-hop"]) == [(b"X-Keep", b"3")]


@pytest.mark.parametrize(
    "name",
    [
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"cookie",
        b"authorization",
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-whatever",
        b"set-cookie",
    ],
)
def test_some_fields_cannot_be_named_away(name: bytes) -> None:
    fields = [(name, b"1"), (b"X-Hop", b"2")]

    assert without_named(fields, [name, b"x-hop"]) == [(name, b"1")]


@pytest.mark.parametrize("options", [[], [b"keep-alive"], [b"close"], [b"keep-alive", b"close"]])
def test_plain_options_cost_no_copy(options: list[bytes]) -> None:
    fields = [(b"X", b"1")]

    assert without_named(fields, options) is fields


def test_forwarding_fields_are_known_by_their_beginning() -> None:
    assert tells_the_way(b"x-forwarded-for")
    assert tells_the_way(b"x-forwarded-user")
    assert tells_the_way(b"forwarded")
    assert not tells_the_way(b"x-forward")
    assert FORWARDING <= NEVER_NAMED_AWAY


def test_lines_end_in_crlf() -> None:
    assert join([(b"A", b"1"), (b"B", b"")]) == b"A: 1\r\nB: \r\n"
    assert join([]) == b""
