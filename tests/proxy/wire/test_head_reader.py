"""Heads are cut out of a stream in bounds, and the same wherever the stream is cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.wire.errors import ClientError
from gateway.proxy.wire.head_reader import HeadReader
from tests.support.heads import read_request

LIMIT = 200
ONE = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
TWO = b"POST /two HTTP/1.1\r\nHost: b\r\nX: y\r\n\r\n"


def heads(pieces: list[bytes], limit: int = LIMIT) -> tuple[list[bytes], int]:
    """All heads, and the status of the error that ended it (0: none)."""
    reader, found = HeadReader(), []
    try:
        for piece in pieces:
            data = piece
            while data and (cut := reader.feed(data, limit)):
                head, data = cut
                read_request(head)
                found.append(head)
    except ClientError as error:
        return found, error.status
    return found, 0


def test_a_whole_head_is_cut_off_what_follows() -> None:
    assert HeadReader().feed(ONE + b"body", LIMIT) == (ONE, b"body")


@pytest.mark.parametrize("at", range(len(ONE)))
def test_a_head_may_be_cut_at_every_byte(at: int) -> None:
    reader = HeadReader()
    first = reader.feed(ONE[:at], LIMIT)

    assert first is None
    assert reader.partial == bool(at)
    assert reader.feed(ONE[at:] + b"rest", LIMIT) == (ONE, b"rest")
    assert not reader.partial


@given(
    st.lists(st.sampled_from([ONE, TWO, b"\r\n" + ONE]), max_size=4),
    st.lists(st.integers(0, 300), max_size=8),
)
def test_any_cut_gives_the_same_heads(sent: list[bytes], places: list[int]) -> None:
    data = b"".join(sent)
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    pieces = [data[a:b] for a, b in pairwise(ends)]

    assert heads(pieces) == ([one.removeprefix(b"\r\n") for one in sent], 0)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"\x05\x01\x00",  # SOCKS 5
        b"\x04\x01\x00\x50",  # SOCKS 4
        b"\x0d\x0a\x0d\x0a\x00\x0d\x0a\x51\x55\x49\x54\x0a",  # PROXY version 2
        b"\0",
        b"\n",
        b"\n" + ONE,
        b"\r\n\r\n" + ONE,
        b"\rGET / HTTP/1.1",
        b" GET / HTTP/1.1",
        b"get / HTTP/1.1",
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost: a\nX: y",
    ],
)
def test_what_cannot_become_a_head_is_refused_at_once(data: bytes) -> None:
    assert heads([data]) == ([], 400)
    assert heads([data[i : i + 1] for i in range(len(data))]) == ([], 400)


def test_an_empty_line_alone_is_no_part_of_a_head() -> None:
    reader = HeadReader()

    assert reader.feed(b"\r\n", LIMIT) is None
    assert not reader.partial
    assert reader.begun
    with pytest.raises(ClientError):
        reader.feed(b"\r\n", LIMIT)


@pytest.mark.parametrize("part", [b"\r", b"\r\n", b"\r\nGE", ONE[:5], ONE[:-1]])
def test_a_head_is_begun_from_the_first_byte_to_its_last(part: bytes) -> None:
    reader = HeadReader()
    whole = b"\r\n" + ONE if part[:1] == b"\r" else ONE

    assert not reader.begun
    assert reader.feed(part, LIMIT) is None
    assert reader.begun
    assert reader.feed(whole[len(part) :], LIMIT) == (ONE, b"")
    assert not reader.begun


@pytest.mark.parametrize("step", [1, 7, 64, 10_000])
def test_a_long_request_line_is_414_and_a_long_head_431(step: int) -> None:
    line = b"GET /" + b"a" * LIMIT + b" HTTP/1.1\r\nHost: a\r\n\r\n"
    field = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * LIMIT + b"\r\n\r\n"

    for data, status in ((line, 414), (field, 431)):
        assert heads([data[i : i + step] for i in range(0, len(data), step)]) == ([], status)


@pytest.mark.parametrize("step", [1, 5, 10_000])
def test_a_head_of_just_the_limit_is_taken(step: int) -> None:
    base = b"GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n"
    for size, expected in ((LIMIT, 0), (LIMIT + 1, 431)):
        data = base.replace(b"X: ", b"X: " + b"a" * (size - len(base)))
        assert len(data) == size
        found, status = heads([data[i : i + step] for i in range(0, len(data), step)])
        assert status == expected
        assert found == ([] if expected else [data])


def test_clearing_forgets_a_part() -> None:
    reader = HeadReader()
    reader.feed(b"GET /", LIMIT)
    reader.clear()

    assert not reader.partial
    assert reader.feed(ONE, LIMIT) == (ONE, b"")
