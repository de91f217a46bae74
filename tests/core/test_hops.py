"""Whose address the visitor's is, of those that a list of proxies gives."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from gateway.core.addresses import compile_networks
from gateway.core.hops import read_hops, visitor

TRUSTED = compile_networks([ip_network("10.0.0.0/8")])


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([b"1.1.1.1, 192.0.2.7, 10.9.9.9"], "192.0.2.7"),
        ([b"1.1.1.1", b"192.0.2.7:4711 ,10.9.9.9"], "192.0.2.7"),
        ([b"1.1.1.1, unknown"], "unknown"),
        ([b"10.0.0.8, [10.0.0.9]"], None),
        ([b" , "], None),
        ([], None),
    ],
)
def test_the_visitor_is_the_last_who_is_no_trusted_proxy(
    lines: list[bytes], found: str | None
) -> None:
    assert visitor(read_hops(lines), TRUSTED) == found
