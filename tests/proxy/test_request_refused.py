"""Heads that two readers could read differently, or that HTTP/1.1 does not know: refused."""

from __future__ import annotations

import pytest

from gateway.proxy.wire.errors import ClientError
from gateway.proxy.wire.field_block import MAX_FIELDS
from tests.support.heads import read_request


def raw(*lines: bytes, line: bytes = b"GET / HTTP/1.1", host: bytes | None = b"a.test") -> bytes:
    hosts = [] if host is None else [b"Host: " + host]
    return b"".join(one + b"\r\n" for one in (line, *hosts, *lines)) + b"\r\n"


def refused(data: bytes) -> int:
    with pytest.raises(ClientError) as caught:
        read_request(data)
    return caught.value.status


@pytest.mark.parametrize(
    "line",
    [
        b"GET http://u@b.test/ HTTP/1.1",
        b"GET http:///x HTTP/1.1",
        b"GET http://b.test:99999/ HTTP/1.1",
        b"GET http://a b/ HTTP/1.1",
        b"GET ftp://b.test/ HTTP/1.1",
        b"GET b.test:80 HTTP/1.1",
        b"GET x HTTP/1.1",
        b"GET * HTTP/1.1",
        b"POST * HTTP/1.1",
        b"GET /a#b HTTP/1.1",
        b"GET #b HTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"GET /a\tb HTTP/1.1",
        b"GET /a\x01 HTTP/1.1",
        b"GET /a\x7f HTTP/1.1",
        b"GET  / HTTP/1.1",
        b"GET /  HTTP/1.1",
        b"GET\t/ HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b"GET / http/1.1",
        b"GET / HTTP/1.",
        b"GET / HTTP/1.11",
        b"GET / HTTP/01.1",
        b"GET / HTTP/1,1",
        b"GET / RTSP/1.0",
        b"GET / ICE/1.0",
        b"GET /",
        b"GET",
        b"",
        b"G\x00T / HTTP/1.1",
        b"GE(T) / HTTP/1.1",
        b"get / HTTP/1.1",
        b"Get / HTTP/1.1",
        b"SOURCE / ICE/1.0",
        b"DESCRIBE / RTSP/1.0",
    ],
)
def test_malformed_request_lines_are_400(line: bytes) -> None:
    assert refused(raw(line=line)) == 400


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET / HTTP/2.0", 505),
        (b"PRI * HTTP/2.0", 505),
        (b"GET / HTTP/0.9", 505),
        (b"GET / HTTP/1.2", 505),
        (b"GET / HTTP/3", 505),
        (b"CONNECT b.test:443 HTTP/1.1", 405),
        (b"CONNECT http://b.test/ HTTP/1.1", 405),
        (b"CONNECT / HTTP/1.1", 405),
        (b"CONNECT * HTTP/1.1", 405),
        (b"BREW / HTTP/1.1", 501),
        (b"BREW /caf\xc3\xa9 HTTP/1.1", 501),
    ],
)
def test_what_is_known_but_not_done_has_its_own_status(line: bytes, status: int) -> None:
    assert refused(raw(line=line)) == status


@pytest.mark.parametrize(
    "host",
    [
        None,
        b"",
        b" ",
        b"a,b",
        b"a b",
        b"a/b",
        b"u@a",
        b"a:b",
        b"a:-1",
        b"a:65536",
        b"a:1:2",
        b"[::1",
        b"::1",
        b"a%zz",
        b"a\\b",
        b"a?b",
        b"a#b",
        b'"a"',
        b"http://a",
        b"\xc3\xa9.test",
        b"a\x00",
    ],
)
def test_a_missing_or_malformed_host_is_400(host: bytes | None) -> None:
    assert refused(raw(host=host)) == 400


def test_a_second_host_is_400_even_the_same() -> None:
    assert refused(raw(b"Host: a.test")) == 400
    assert refused(raw(b"host: b.test")) == 400


@pytest.mark.parametrize(
    "lines",
    [
        [b"Content-Length: 5", b"Content-Length: 5"],
        [b"Content-Length: 5", b"Content-Length: 6"],
        [b"Content-Length: 5, 5"],
        [b"Content-Length: +5"],
        [b"Content-Length: -5"],
        [b"Content-Length: 5 5"],
        [b"Content-Length: 0x5"],
        [b"Content-Length: 5_0"],
        [b"Content-Length:"],
        [b"Content-Length: 99999999999999999999"],
        [b"Content-Length: 5\x0b"],
        [b"Content-Length: \xd9\xa5"],
        [b"Content-Length: 5", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked", b"Content-Length: 0"],
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: gzip, chunked"],
        [b"Transfer-Encoding: chunked, gzip"],
        [b"Transfer-Encoding: chunked, chunked"],
        [b"Transfer-Encoding: identity"],
        [b"Transfer-Encoding: chunke\xe4"],
        [b"Transfer-Encoding: xchunked"],
        [b'Transfer-Encoding: "chunked"'],
        [b"Transfer-Encoding: chunked;q=1"],
        [b"Transfer-Encoding: \x0bchunked"],
        [b"Transfer-Encoding:"],
        [b"Transfer-Encoding : chunked"],
        [b"Transfer-Encoding: gzip", b"Transfer-Encoding: chunked"],
    ],
)
def test_ambiguous_framing_is_400(lines: list[bytes]) -> None:
    assert refused(raw(*lines, line=b"POST / HTTP/1.1")) == 400


def test_chunks_in_an_old_request_are_400() -> None:
    assert refused(raw(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0")) == 400


@pytest.mark.parametrize(
    "lines",
    [
        [b"X : y"],
        [b" X: y"],
        [b"X"],
        [b": y"],
        [b"X y: z"],
        [b"X: y", b" folded"],
        [b"X: y", b"\tfolded"],
        [b"X: a\rb"],
        [b"X: a\nb"],
        [b"X: a\x00b"],
        [b"X: a\x0bb"],
        [b"X: a\x7f"],
        [b"X\xc3: y"],
        [b"X\x00: y"],
        [b'"X": y'],
        [b"X@: y"],
    ],
)
def test_malformed_fields_are_400(lines: list[bytes]) -> None:
    assert refused(raw(*lines)) == 400


def test_too_many_fields_are_431() -> None:
    assert refused(raw(*[b"X: y"] * MAX_FIELDS)) == 431


@pytest.mark.parametrize("value", [b"100-continue, x", b"200-ok", b"100", b"", b'"100-continue"'])
def test_other_expectations_are_417(value: bytes) -> None:
    assert refused(raw(b"Expect: " + value)) == 417


def test_a_target_with_an_authority_does_not_make_up_for_a_missing_host() -> None:
    assert refused(raw(line=b"GET http://b.test/ HTTP/1.1", host=None)) == 400
