"""Whose word is taken for where a request came from."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from gateway.core.addresses import compile_networks
from gateway.proxy.wire.field_block import FieldBlock
from gateway.proxy.wire.peer import Peer
from tests.support.heads import read_request

TRUSTED = compile_networks([ip_network("10.0.0.0/8"), ip_network("fd00::/8")])


def request(*lines: bytes, trusted: bool = True) -> FieldBlock:
    raw = b"".join(line + b"\r\n" for line in (b"GET / HTTP/1.1", b"Host: a.test", *lines))
    return read_request(raw + b"\r\n", trusted=trusted).block


def peer(address: str, *, tls: bool = False) -> Peer:
    return Peer(address, tls=tls, proxies=TRUSTED)


@pytest.mark.parametrize(
    ("address", "trusted"),
    [
        ("10.1.2.3", True),
        ("192.0.2.1", False),
        ("::ffff:10.1.2.3", True),
        ("fd00::1", True),
        ("fd00::1%eth0", True),
        ("2001:db8::1", False),
        ("", True),
    ],
)
def test_a_peer_is_trusted_by_its_network(address: str, trusted: bool) -> None:  # noqa: FBT001 a table's column
    assert peer(address).trusted is trusted


@pytest.mark.parametrize(
    ("lines", "client"),
    [
        ([], "10.0.0.1"),
        ([b"X-Forwarded-For: 192.0.2.7"], "192.0.2.7"),
        ([b"X-Forwarded-For: 1.1.1.1, 192.0.2.7"], "192.0.2.7"),
        ([b"X-Forwarded-For: 1.1.1.1, 192.0.2.7, 10.9.9.9"], "192.0.2.7"),
        ([b"X-Forwarded-For: 1.1.1.1", b"X-Forwarded-For: 192.0.2.7 ,10.9.9.9"], "192.0.2.7"),
        ([b"X-Forwarded-For: 10.0.0.8, 10.0.0.9"], "10.0.0.8"),
        ([b"X-Forwarded-For: 192.0.2.7:4711"], "192.0.2.7"),
        ([b"X-Forwarded-For: [2001:db8::7]:4711"], "2001:db8::7"),
        ([b"X-Forwarded-For: [2001:db8::7]"], "2001:db8::7"),
        ([b"X-Forwarded-For: 2001:db8::7"], "2001:db8::7"),
        ([b"X-Forwarded-For: 10.0.0.8:80, [fd00::1]:443"], "10.0.0.8"),
        ([b"X-Forwarded-For: 1.1.1.1, unknown"], "unknown"),
        ([b"X-Forwarded-For: 192.0.2.7, "], "192.0.2.7"),
        ([b"X-Forwarded-For: ,"], "10.0.0.1"),
        ([b"X-Forwarded-For:"], "10.0.0.1"),
    ],
)
def test_a_trusted_proxys_list_is_read_from_the_right(lines: list[bytes], client: str) -> None:
    assert peer("10.0.0.1").client(request(*lines)) == client


def test_nobody_elses_list_is_believed() -> None:
    stranger = peer("192.0.2.1")
    asked = request(b"X-Forwarded-For: 10.0.0.1", trusted=stranger.trusted)

    assert stranger.client(asked) == "192.0.2.1"
    assert stranger.field_lines(asked, asked.host) == (
        b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a.test\r\n"
    )


def test_a_trusted_proxys_list_is_appended_to() -> None:
    asked = request(b"X-Forwarded-For: 1.1.1.1", b"X-Forwarded-For: 2.2.2.2")

    assert peer("10.0.0.1", tls=True).field_lines(asked, asked.host) == (
        b"X-Forwarded-For: 1.1.1.1, 2.2.2.2, 10.0.0.1\r\n"
        b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: a.test\r\n"
    )


def test_what_a_trusted_proxy_says_is_not_said_again() -> None:
    asked = request(b"X-Forwarded-Proto: https", b"X-Forwarded-Host: public.test")

    assert peer("10.0.0.1").field_lines(asked, asked.host) == b"X-Forwarded-For: 10.0.0.1\r\n"


def test_a_unix_sockets_client_has_no_address() -> None:
    assert peer("").client(request()) == ""
    assert peer("").field_lines(request(), b"a.test").startswith(b"X-Forwarded-For: unknown\r\n")


def test_a_proxy_on_a_unix_socket_is_believed_and_adds_no_address() -> None:
    asked = request(b"X-Forwarded-For: 192.0.2.7", b"X-Forwarded-Proto: https")

    assert peer("").client(asked) == "192.0.2.7"
    assert peer("").field_lines(asked, b"") == b"X-Forwarded-For: 192.0.2.7\r\n"


def test_an_old_request_without_host_has_no_forwarded_host() -> None:
    asked = read_request(b"GET / HTTP/1.0\r\n\r\n").block

    assert peer("192.0.2.1").field_lines(asked, asked.host) == (
        b"X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\n"
    )
