"""Bodies end where their framing says, however the stream is cut."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.wire.body import (
    MAX_SIZE_LINE,
    MAX_TRAILERS,
    NO_BODY,
    BodyReader,
    ChunkedBody,
    LengthBody,
    UntilClose,
)
from gateway.proxy.wire.errors import FramingError

Make = Callable[[], BodyReader]


def read(make: Make, pieces: list[bytes]) -> tuple[bytes, bytes, int, bool] | None:
    """(handed on, surplus, received, done), or None where the framing is broken."""
    body, out, surplus = make(), b"", b""
    try:
        for piece in pieces:
            if body.done:
                surplus += piece
            else:
                out += body.feed(piece)
                surplus = body.surplus
    except FramingError:
        return None
    return out, surplus, body.received, body.done


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(ends)]


def encode(payloads: list[bytes], trailers: bytes = b"") -> bytes:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in payloads)
    return chunks + b"0\r\n" + trailers + b"\r\n"


chunks = st.lists(st.binary(min_size=1, max_size=40), max_size=6)
places = st.lists(st.integers(0, 400), max_size=12)
framing_like = st.lists(
    st.sampled_from(
        [
            b"0",
            b"1",
            b"5",
            b"a",
            b"\r",
            b"\n",
            b"\r\n",
            b";",
            b"=",
            b'"',
            b" ",
            b"\t",
            b"x",
            b"X: y",
            b"\0",
        ]
    ),
    max_size=24,
).map(b"".join)


def test_length_body_takes_its_bytes_and_no_more() -> None:
    body = LengthBody(5)

    assert body.feed(b"hel") == b"hel"
    assert not body.done
    assert body.feed(b"lo, world") == b"lo"
    assert (body.done, body.surplus, body.received) == (True, b", world", 5)


def test_payload_that_fits_is_not_copied() -> None:
    data = b"hello"

    assert LengthBody(5).feed(data) is data
    assert UntilClose().feed(data) is data
    chunked = ChunkedBody(decode=True)
    chunked.feed(b"a\r\n")
    assert chunked.feed(data) is data


def test_a_body_by_length_is_not_whole_at_an_early_end() -> None:
    body = LengthBody(5)
    body.feed(b"hell")

    assert not body.at_eof()


def test_chunks_are_not_whole_before_the_last_one() -> None:
    body = ChunkedBody()
    body.feed(b"5\r\nhello\r\n0\r\n")

    assert not body.at_eof()
    assert body.feed(b"\r\n") == b"0\r\n\r\n"
    assert body.at_eof()


def test_a_body_until_close_is_whole_at_the_end() -> None:
    body = UntilClose()
    body.feed(b"hello")

    assert not body.done
    assert body.at_eof()
    assert (body.done, body.received) == (True, 5)


def test_bytes_after_a_message_without_a_body_are_an_error() -> None:
    assert NO_BODY.done
    assert NO_BODY.at_eof()
    with pytest.raises(FramingError):
        NO_BODY.feed(b"x")


@given(chunks, places)
def test_chunks_go_on_the_same_however_they_are_cut(payloads: list[bytes], at: list[int]) -> None:
    data = encode(payloads)
    found = read(ChunkedBody, cut(data + b"GET /next", at))

    assert found is not None
    out, surplus, received, done = found
    payload = b"".join(payloads)
    assert (surplus, received, done) == (b"GET /next", len(payload), True)
    # in chunks as they came: one that came in pieces keeps its size
    assert out == data
    assert read(lambda: ChunkedBody(decode=True), [out]) == (payload, b"", len(payload), True)


@given(framing_like, places)
def test_any_cut_of_a_stream_gives_the_same_body(data: bytes, at: list[int]) -> None:
    for make in (ChunkedBody, lambda: LengthBody(7), lambda: ChunkedBody(decode=True)):
        whole, pieces = read(make, [data]), read(make, cut(data, at))
        if whole is None or not whole[3]:
            # a broken line may be seen at once or at its end; it never makes a whole body
            assert pieces is None or not pieces[3]
        else:
            assert pieces == whole


@given(framing_like)
def test_what_goes_on_is_one_message_and_canonical(data: bytes) -> None:
    found = read(ChunkedBody, [data])
    if found is None or not found[3]:
        return
    again = read(ChunkedBody, [found[0]])

    assert again is not None
    assert again == (found[0], b"", found[2], True)
    assert b";" not in found[0].partition(b"\r\n")[0]


@pytest.mark.parametrize(
    "line",
    [
        b"5;a=b",
        b"5 ;a",
        b'5;a="q;\t "',
        b"5;a;b=c;d",
        b"05",
        b"0000000000000005",
    ],
)
def test_extensions_and_blanks_end_here(line: bytes) -> None:
    found = read(ChunkedBody, [line + b"\r\nhello\r\n0;last\r\nX: y\r\n\r\n"])

    assert found == (b"5\r\nhello\r\n0\r\n\r\n", b"", 5, True)


@pytest.mark.parametrize(
    "data",
    [
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"1_0\r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"5\x0b\r\nhello\r\n0\r\n\r\n",
        b"\r\nhello\r\n0\r\n\r\n",
        b"g\r\nhello\r\n0\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"5\rhello\r\n0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhellooo\r\n0\r\n\r\n",
        b"5\r\nhel\r\n0\r\n\r\n",
        b"10000000000000000\r\nhello\r\n0\r\n\r\n",
        b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        b"00000000000000005\r\nhello\r\n0\r\n\r\n",
        b"5;\r\nhello\r\n0\r\n\r\n",
        b"5;a\rb\r\nhello\r\n0\r\n\r\n",
        b"5;a\nb\r\nhello\r\n0\r\n\r\n",
        b'5;a="x\r\nhello\r\n0\r\n\r\n',
        b'5;a="\0"\r\nhello\r\n0\r\n\r\n',
        b"5;" + b"a" * MAX_SIZE_LINE + b"\r\nhello\r\n0\r\n\r\n",
        b"0\r\n folded\r\n\r\n",
        b"0\r\nno colon\r\n\r\n",
        b"0\r\nX : y\r\n\r\n",
        b"0\r\nX: \0\r\n\r\n",
        b"0\r\n\n",
        b"0\r\n\r\r\n\r\n",
        b"0\r\n" + b"X: yyyyyyyyyyyyyy\r\n" * (MAX_TRAILERS // 16) + b"\r\n",
        b"0\r\nX: " + b"y" * MAX_TRAILERS + b"\r\n\r\n",
    ],
)
def test_broken_chunks_are_refused_whole_and_byte_by_byte(data: bytes) -> None:
    assert read(ChunkedBody, [data]) is None
    assert read(ChunkedBody, [data[i : i + 1] for i in range(len(data))]) is None


@pytest.mark.parametrize("at", range(MAX_SIZE_LINE + 2))
def test_the_longest_size_line_is_taken_wherever_it_is_cut(at: int) -> None:
    line = b"1;" + b"a" * (MAX_SIZE_LINE - 2)
    data = line + b"\r\nx\r\n0\r\n\r\n"

    assert read(ChunkedBody, [data[:at], data[at:]]) == (b"1\r\nx\r\n0\r\n\r\n", b"", 1, True)


def test_a_line_without_end_is_refused_before_its_end() -> None:
    body = ChunkedBody()
    with pytest.raises(FramingError):
        body.feed(b"1;" + b"a" * MAX_SIZE_LINE)


def test_framing_fields_in_trailers_are_dropped_with_the_others() -> None:
    data = encode([b"hello"], b"Content-Length: 100\r\nTransfer-Encoding: chunked\r\n")

    assert read(ChunkedBody, [data]) == (b"5\r\nhello\r\n0\r\n\r\n", b"", 5, True)


def test_extensions_of_all_chunks_together_have_a_bound() -> None:
    chunk = b"1;" + b"a" * 200 + b"\r\nx\r\n"
    body = ChunkedBody()
    for _ in range(81):
        body.feed(chunk)
    with pytest.raises(FramingError):
        body.feed(chunk)


def test_extensions_may_be_as_much_as_the_payload() -> None:
    chunk = b"ff;" + b"a" * 200 + b"\r\n" + b"x" * 255 + b"\r\n"
    body = ChunkedBody()
    for _ in range(1000):
        body.feed(chunk)
    assert body.received == 255_000
