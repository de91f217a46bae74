"""The PROXY protocol's header: taken to the letter, or not at all."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.proxy.wire.proxy_header import MOST, BadHeader, ProxyHeader, parse_proxy_header
from tests.support.proxy_headers import SIGNATURE, V4, V6, v2

GOOD = [
    (b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n", "192.0.2.7"),
    (b"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255"),
    (b"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0"),  # noqa: S104 a text
    (b"PROXY TCP6 2001:DB8:0::7 ::1 1 2\r\n", "2001:db8::7"),
    (b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 1 2\r\n", "192.0.2.7"),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None),
    (v2(0x21, 0x11, V4), "192.0.2.7"),
    (v2(0x21, 0x21, V6), "2001:db8::7"),
    (v2(0x21, 0x21, bytes(10) + b"\xff\xff" + V4[:4] + V6[16:]), "192.0.2.7"),
    (v2(0x21, 0x11, V4 + b"\x04\0\x03abc" + b"\x20\0\0"), "192.0.2.7"),
    (v2(0x21, 0x11, V4 + b"\x04\x0f\xe1" + bytes(4065)), "192.0.2.7"),
    (v2(0x21, 0x00, b""), None),
    (v2(0x21, 0x00, b"\x04\0\x01x"), None),
    (v2(0x21, 0x31, bytes(216)), None),
    (v2(0x20, 0x00, b""), None),
    (v2(0x20, 0x11, V4), None),
    (v2(0x20, 0xFF, b"what it is does not matter"), None),
]

BAD = [
    b"GET / HTTP/1.1\r\n",
    b"\x16\x03\x01\x02\0",
    b"\r\nPROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n",
    b"proxy TCP4 192.0.2.7 192.0.2.1 1 2\r\n",
    b"PROXY\r\n",
    b"PROXY \r\n",
    b"PROXYTCP4 192.0.2.7 192.0.2.1 1 2\r\n",
    b"PROXY TCP 192.0.2.7 192.0.2.1 1 2\r\n",
    b"PROXY TCP5 192.0.2.7 192.0.2.1 1 2\r\n",
    b"PROXY UDP4 192.0.2.7 192.0.2.1 1 2\r\n",
    b"PROXY tcp4 192.0.2.7 192.0.2.1 1 2\r\n",
    b"PROXY unknown\r\n",
    b"PROXY UNKNOWNS\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2 \r\n",
    b"PROXY TCP4  192.0.2.7 192.0.2.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.7\t192.0.2.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2 3\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 1\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 01 2\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 +1 2\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 65536 2\r\n",
    b"PROXY TCP4 192.0.2.7 192.0.2.1 1 99999\r\n",
    b"PROXY TCP4 192.0.2 192.0.2.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.256 192.0.2.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.07 192.0.2.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.7 nowhere 1 2\r\n",
    b"PROXY TCP4 ::1 ::1 1 2\r\n",
    b"PROXY TCP6 192.0.2.7 192.0.2.1 1 2\r\n",
    b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
    b"PROXY TCP4 \xd9\xa1.0.0.1 192.0.2.1 1 2\r\n",
    b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
    b"PROXY UNKNOWN " + b"x" * 200,
    SIGNATURE[:-1] + b"\r" + b"\x21\x11\0\x0c" + V4,
    v2(0x11, 0x11, V4),  # version 1 in the form of version 2
    v2(0x31, 0x11, V4),
    v2(0x22, 0x11, V4),  # no such command
    v2(0x21, 0x12, V4),  # datagrams
    v2(0x21, 0x10, V4),
    v2(0x21, 0x41, V4),
    v2(0x21, 0x11, V4[:-1]),
    v2(0x21, 0x21, V4),
    v2(0x21, 0x31, bytes(215)),
    v2(0x21, 0x11, V4 + b"\x04"),
    v2(0x21, 0x11, V4 + b"\x04\0"),
    v2(0x21, 0x11, V4 + b"\x04\0\x04abc"),
    v2(0x21, 0x11, V4 + b"\x04\xff\xffabc"),
    v2(0x21, 0x11, V4 + b"\x04\x0f\xe2" + bytes(4066)),
    v2(0x21, 0x11, V4 + bytes(60_000)),
]


@pytest.mark.parametrize(("data", "source"), GOOD)
def test_a_header_names_the_visitor(data: bytes, source: str | None) -> None:
    assert parse_proxy_header(data) == ProxyHeader(len(data), source)
    assert parse_proxy_header(data + b"GET / HTTP/1.1\r\n") == ProxyHeader(len(data), source)


@pytest.mark.parametrize(("data", "source"), GOOD)
def test_a_header_in_pieces_is_waited_for(data: bytes, source: str | None) -> None:
    assert all(parse_proxy_header(data[:cut]) is None for cut in range(len(data)))


@pytest.mark.parametrize("data", BAD)
def test_what_is_no_header_is_refused(data: bytes) -> None:
    with pytest.raises(BadHeader):
        parse_proxy_header(data)


def test_a_header_is_refused_as_soon_as_it_cannot_become_one() -> None:
    for data in (b"G", b"PROXX", b"\r\n\r\nG", b"PROXY TCP4 1\n", v2(0x21, 0x41, V4)[:16]):
        with pytest.raises(BadHeader):
            parse_proxy_header(data)


@given(st.binary(max_size=80), st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE]))
@settings(max_examples=300, deadline=None)
def test_no_bytes_give_more_than_an_address_within_bounds(data: bytes, start: bytes) -> None:
    try:
        header = parse_proxy_header(start + data)
    except BadHeader:
        return
    if header is None:
        assert len(start + data) < MOST
        return
    assert header.size <= len(start + data)
    if header.source is not None:
        family = socket.AF_INET6 if ":" in header.source else socket.AF_INET
        socket.inet_pton(family, header.source)
