"""An answer's head: relayed as it came, and refused where two readers could differ."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.wire.body import NO_BODY, ChunkedBody, LengthBody, NoBody, UntilClose
from gateway.proxy.wire.errors import AppError
from gateway.proxy.wire.response import ResponseHead, parse_plain, parse_response


def raw(*lines: bytes, line: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"".join(one + b"\r\n" for one in (line, *lines)) + b"\r\n"


def parse(*lines: bytes, line: bytes = b"HTTP/1.1 200 OK") -> ResponseHead:
    return parse_response(raw(*lines, line=line))


def test_status_reason_order_and_duplicates_are_kept() -> None:
    lines = [b"Set-Cookie: a=1", b"Date: x", b"set-cookie: b=2", b"Location: /%zz", b"Server: y"]

    assert parse(*lines, line=b"HTTP/1.1 299 Why Not?").relayed(b"") == raw(
        *lines, line=b"HTTP/1.1 299 Why Not?"
    )


@pytest.mark.parametrize(
    ("line", "relayed"),
    [
        (b"HTTP/1.1 200", b"HTTP/1.1 200 "),
        (b"HTTP/1.1 200 ", b"HTTP/1.1 200 "),
        (b"HTTP/1.0 404 Not Found", b"HTTP/1.1 404 Not Found"),
        (b"HTTP/1.1 200 \xc3\xa9t\xc3\xa9", b"HTTP/1.1 200 \xc3\xa9t\xc3\xa9"),
        (b"HTTP/1.1 999 x", b"HTTP/1.1 999 x"),
    ],
)
def test_status_lines_that_are_taken(line: bytes, relayed: bytes) -> None:
    assert parse(line=line).relayed(b"").partition(b"\r\n")[0] == relayed


@pytest.mark.parametrize(
    "line",
    [
        b"HTTP/2 200 OK",
        b"HTTP/1.2 200 OK",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 099 OK",
        b"HTTP/1.1 +20 OK",
        b"HTTP/1.1  200 OK",
        b"HTTP/1.1\t200 OK",
        b"http/1.1 200 OK",
        b"ICY 200 OK",
        b"200 OK",
        b"HTTP/1.1 200OK",
        b"HTTP/1.1 200 O\x00K",
        b"HTTP/1.1 200 O\rK",
        b"HTTP/1.1 200 O\nK",
        b"",
    ],
)
def test_malformed_status_lines_are_the_apps_fault(line: bytes) -> None:
    with pytest.raises(AppError):
        parse(line=line)


@pytest.mark.parametrize(
    "lines",
    [
        [b"Content-Length: 5", b"Content-Length: 5"],
        [b"Content-Length: 5", b"Content-Length: 6"],
        [b"Content-Length: 5, 5"],
        [b"Content-Length: +5"],
        [b"Content-Length: -1"],
        [b"Content-Length: 0x5"],
        [b"Content-Length: abc"],
        [b"Content-Length:"],
        [b"Content-Length: 9999999999999999999"],
        [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: gzip, chunked"],
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: identity"],
        [b"Transfer-Encoding: chunked\x0b"],
        [b"X : y"],
        [b" X: y"],
        [b"X: y", b" folded"],
        [b"X"],
        [b": y"],
        [b"X: a\x00"],
        [b"X: a\rb"],
        [b"X: a\nb"],
        [b"X y: z"],
    ],
)
def test_ambiguous_heads_are_the_apps_fault(lines: list[bytes]) -> None:
    with pytest.raises(AppError):
        parse(*lines)


def test_chunks_in_an_old_answer_are_the_apps_fault() -> None:
    with pytest.raises(AppError):
        parse(b"Transfer-Encoding: chunked", line=b"HTTP/1.0 200 OK")


@pytest.mark.parametrize(
    ("status", "method", "lines", "kind"),
    [
        (200, b"GET", [], UntilClose),
        (200, b"GET", [b"Content-Length: 5 "], LengthBody),
        (200, b"GET", [b"Content-Length: 0"], type(NO_BODY)),
        (200, b"GET", [b"Transfer-Encoding: Chunked"], ChunkedBody),
        (200, b"HEAD", [], type(NO_BODY)),
        (200, b"HEAD", [b"Content-Length: 5"], type(NO_BODY)),
        (200, b"HEAD", [b"Transfer-Encoding: chunked"], type(NO_BODY)),
        (204, b"GET", [b"Content-Length: 5"], type(NO_BODY)),
        (304, b"GET", [b"Content-Length: 5"], type(NO_BODY)),
        (205, b"GET", [b"Content-Length: 5"], LengthBody),
        (500, b"POST", [b"Content-Length: 5"], LengthBody),
    ],
)
def test_how_an_answers_body_is_framed(
    status: int, method: bytes, lines: list[bytes], kind: type
) -> None:
    head = parse(*lines, line=b"HTTP/1.1 %d x" % status)

    assert type(head.body(method)) is kind


def test_hop_by_hop_fields_end_here() -> None:
    head = parse(
        b"Connection: close, X-Hop, Set-Cookie",
        b"X-Hop: 1",
        b"Set-Cookie: a=1",
        b"Keep-Alive: timeout=5",
        b"Trailer: X",
        b"Upgrade: h2c",
        b"Proxy-Authenticate: Basic",
    )

    assert head.relayed(b"Connection: close\r\n") == raw(
        b"Set-Cookie: a=1", b"Proxy-Authenticate: Basic", b"Connection: close"
    )


def test_framing_is_written_anew() -> None:
    head = parse(b"transfer-encoding: Chunked")

    assert head.relayed(b"") == raw(b"Transfer-Encoding: chunked")
    assert head.relayed(b"", decode=True) == raw()
    assert parse(b"Content-Length: 5").relayed(b"") == raw(b"Content-Length: 5")


@pytest.mark.parametrize("status", [100, 103, 204])
def test_no_framing_where_there_is_no_body(status: int) -> None:
    line = b"HTTP/1.1 %d x" % status

    assert parse(b"Content-Length: 5", line=line).relayed(b"") == raw(line=line)
    assert parse(b"Transfer-Encoding: chunked", line=line).relayed(b"") == raw(line=line)


@pytest.mark.parametrize(
    ("line", "lines", "kept"),
    [
        (b"HTTP/1.1 200 OK", [], True),
        (b"HTTP/1.1 200 OK", [b"Connection: close"], False),
        (b"HTTP/1.0 200 OK", [], False),
        (b"HTTP/1.0 200 OK", [b"Connection: keep-alive"], True),
    ],
)
def test_whether_the_apps_connection_is_kept(
    line: bytes, lines: list[bytes], *, kept: bool
) -> None:
    assert parse(*lines, line=line).keep_alive is kept


@pytest.mark.parametrize(
    ("value", "stream"),
    [(b"text/event-stream", True), (b"Text/Event-Stream; charset=utf-8", True), (b"text/x", False)],
)
def test_event_streams_are_known(value: bytes, *, stream: bool) -> None:
    assert parse(b"Content-Type: " + value).event_stream is stream


@given(st.binary(max_size=200))
def test_garbage_is_an_app_error_or_read(data: bytes) -> None:
    try:
        parse_response(b"HTTP/1.1 200 OK\r\n" + data + b"\r\n\r\n")
    except AppError:
        return


LINE = st.sampled_from(
    [b"Date: now", b"Content-Length: 5", b"content-length: 5", b"Connection: keep-alive",
     b"Connection: close", b"connection: keep-alive", b"Connection: keep-alive, x-hop",
     b"Content-Type: text/event-stream", b"Transfer-Encoding: chunked", b"X-Hop: 1",
     b"Keep-Alive: timeout=5", b"Content-Length:5", b"Te: x", b"Cost: 1", b"Bad : 1"]
)  # fmt: skip


@given(
    st.lists(LINE, max_size=6),
    st.sampled_from([b"HTTP/1.1 200 OK", b"HTTP/1.1 204 ", b"HTTP/1.0 200 OK", b"HTTP/1.1 200"]),
    st.sampled_from([b"", b"hello", b"\r\n\r\n"]),
)
def test_a_plain_head_is_read_as_any_other(lines: list[bytes], line: bytes, rest: bytes) -> None:
    head = raw(*lines, line=line)
    plain = parse_plain(head + rest)

    if plain is not None:
        status, length, relayed, begin = plain
        same = parse_response(head)
        assert relayed[begin:] == rest
        assert relayed[:begin] == same.relayed(b"")
        assert (status, length) == (same.status, same.content_length)
        assert same.keep_alive
        assert not same.http_1_0
        assert type(same.body(b"GET")) is (LengthBody if length else NoBody)


def test_most_heads_are_plain() -> None:
    head = raw(b"Server: x", b"Content-Length: 5", b"Connection: keep-alive", b"ETag: y")

    assert parse_plain(head + b"hello") is not None
    assert parse_plain(head[:-2]) is None
