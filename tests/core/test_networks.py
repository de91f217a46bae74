"""Addresses in networks and on the loopback: IPv4 is IPv4 however it is written."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from gateway.core.addresses import compile_networks, is_loopback

NETWORKS = compile_networks(
    map(ip_network, ("10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::ffff:198.51.100.0/120"))
)


@pytest.mark.parametrize(
    "client",
    [
        "10.1.2.3",
        "::ffff:10.1.2.3",
        "::FFFF:0a01:0203",
        "192.0.2.7",
        "2001:db8::1",
        "2001:db8::1%eth0",
        "198.51.100.9",
    ],
)
def test_address_is_in_the_networks(client: str) -> None:
    assert NETWORKS.contain(client)


@pytest.mark.parametrize(
    "client",
    [
        "11.0.0.1",
        "192.0.2.8",
        "2001:db9::1",
        "::10.1.2.3",
        "",
        "unix",
        "10.1",
        "010.1.2.3",
        "10.1.2.3, 1.1.1.1",
        "10.0.0.1:80",
        "\0",
        "10.0.0.\u0661",
    ],
)
def test_other_or_unreadable_address_is_not(client: str) -> None:
    assert not NETWORKS.contain(client)


def test_all_of_ipv6_is_nothing_of_ipv4() -> None:
    assert not compile_networks([ip_network("::/0")]).contain("::ffff:192.0.2.1")
    assert compile_networks([ip_network("::/0")]).contain("2001:db8::1")
    assert compile_networks([ip_network("0.0.0.0/0")]).contain("::ffff:192.0.2.1")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("127.0.0.1", True),
        ("127.255.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:10.0.0.1", False),
        ("10.0.0.1", False),
        ("localhost", False),
        ("", False),
    ],
)
def test_loopback_is_told_from_the_rest(address: str, expected: bool) -> None:  # noqa: FBT001 a table
    assert is_loopback(address) is expected
