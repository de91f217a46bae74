"""Which fields a Connection line can take away, and which it cannot."""

from __future__ import annotations

import pytest

from gateway.proxy.wire.fields import (
    FORWARDING,
    NEVER_NAMED_AWAY,
    cut,
    options,
    pairs,
    tells_the_way,
    without,
)


def test_named_fields_end_here_in_any_case() -> None:
    block = b"\r\nX-Hop: 1\r\nx-hop: 2\r\nX-Hops: 3\r\n"

    assert options(b"close, X-hop").named == {b"x-hop"}
    assert without(block, frozenset({b"x-hop"})) == b"\r\nX-Hops: 3\r\n"


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
    assert options(name + b", x-hop").named == {b"x-hop"}


@pytest.mark.parametrize("value", [b"", b"keep-alive", b"close", b"Keep-Alive, close"])
def test_plain_options_name_nothing(value: bytes) -> None:
    assert not options(value).named


def test_lines_are_cut_out_whole() -> None:
    block = b"\r\nTE: a\r\nX: TE: a\r\nTE: ab\r\nTE: a\r\n"

    assert cut(block, [b"TE: a", b"TE: a"]) == b"\r\nX: TE: a\r\nTE: ab\r\n"


def test_forwarding_fields_are_known_by_their_beginning() -> None:
    assert tells_the_way(b"x-forwarded-for")
    assert tells_the_way(b"x-forwarded-user")
    assert tells_the_way(b"forwarded")
    assert not tells_the_way(b"x-forward")
    assert FORWARDING <= NEVER_NAMED_AWAY


def test_a_block_is_pairs_for_those_who_look_for_a_field() -> None:
    assert pairs(b"\r\nA: 1\r\nB:\r\nA:\t2:3 \r\n") == [(b"A", b"1"), (b"B", b""), (b"A", b"2:3")]
