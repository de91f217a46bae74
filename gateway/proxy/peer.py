"""Who is at the other end of a connection, and what the app is told of it.

A trusted proxy's word is taken for the way so far: its X-Forwarded-For is appended to and
read from the right, up to the first address that is no trusted proxy. Nobody else's is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address

from gateway.core.flags import Network
from gateway.proxy.request import FieldBlock

_HOP = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")


class Peer:
    """``address`` is an IP address without zone, or "" on a Unix socket."""

    __slots__ = ("_for", "_networks", "_proto", "_rest", "address", "trusted")

    def __init__(self, address: str, *, tls: bool, networks: Sequence[Network]) -> None:
        self.address = address.partition("%")[0]
        self._networks = networks
        self.trusted = _within(self.address, networks)
        self._for = b"X-Forwarded-For: %b\r\n" % (self.address or "unknown").encode()
        self._proto = b"X-Forwarded-Proto: %b\r\n" % (b"https" if tls else b"http")
        self._rest = self._for + self._proto + b"X-Forwarded-Host: "

    def client(self, request: FieldBlock) -> str:
        """The client's address as far as it can be believed."""
        if not self.trusted or request.forwarded_for is None:
            return self.address
        hops = [hop.strip() for line in request.forwarded_for for hop in line.split(b",")]
        addresses = [_address(hop.decode("latin-1")) for hop in hops if hop]
        for address in reversed(addresses):
            if not _within(address, self._networks):
                return address
        return addresses[0] if addresses else self.address

    def field_lines(self, request: FieldBlock, host: bytes) -> bytes:
        """X-Forwarded-For, -Proto and -Host as the app gets them."""
        if not self.trusted:
            return self._rest + host + b"\r\n" if host else self._for + self._proto
        names = {name.lower() for name, _ in request.pairs}
        lines = self._for
        if request.forwarded_for is not None:
            so_far = b", ".join(request.forwarded_for)
            address = (self.address or "unknown").encode()
            lines = b"X-Forwarded-For: %b, %b\r\n" % (so_far, address)
        if b"x-forwarded-proto" not in names:
            lines += self._proto
        if b"x-forwarded-host" not in names and host:
            lines += b"X-Forwarded-Host: %b\r\n" % host
        return lines


def _address(hop: str) -> str:
    """A hop without the port that some proxies add; what cannot be read stays as it is."""
    match = _HOP.fullmatch(hop)
    return hop if match is None else match[1] or match[2]


def _within(address: str, networks: Sequence[Network]) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None) or ip
    return any(mapped in network for network in networks)
