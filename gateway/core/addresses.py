"""IP addresses: which networks, for exemptions, they are in. What cannot be read is in none."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address

from gateway.core.flags import Network

_MAPPED = b"\0" * 10 + b"\xff\xff"


@dataclass(frozen=True, slots=True)
class Networks:
    """Networks as (mask, network) pairs of integers, IPv4-mapped IPv6 taken as IPv4.

    A tenth of the cost of the ``ipaddress`` module: 0.3 µs a look-up against 3 µs. ``::/0``
    is all of IPv6 and nothing of IPv4.
    """

    v4: tuple[tuple[int, int], ...]
    v6: tuple[tuple[int, int], ...]

    def contain(self, client: str) -> bool:
        """Whether a textual address, perhaps with a zone, is in any of the networks."""
        packed = _packed(client.partition("%")[0])
        if packed is None:
            return False
        value = int.from_bytes(packed, "big")
        pairs = self.v4 if len(packed) == 4 else self.v6
        for mask, network in pairs:  # noqa: SIM110 any() takes three times as long
            if value & mask == network:
                return True
        return False


def is_loopback(address: str) -> bool:
    """Whether the text is an IP address of this machine's loopback interface."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return (mapped or found).is_loopback


def block(address: str) -> str:
    """Whose an address is, as far as one can tell: a household has a whole /64 of IPv6.

    What is no address is a block of its own.
    """
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is None:
        return str(IPv6Network((found, 64), strict=False))
    return address


def compile_networks(networks: Iterable[Network]) -> Networks:
    v4, v6 = [], []
    for network in networks:
        mask, first = int(network.netmask), int(network.network_address)
        if network.version == 4:
            v4.append((mask, first))
        elif network.prefixlen >= 96 and network.network_address.packed.startswith(_MAPPED):
            v4.append((mask & 0xFFFF_FFFF, first & 0xFFFF_FFFF))
        else:
            v6.append((mask, first))
    return Networks(tuple(v4), tuple(v6))


def _packed(client: str) -> bytes | None:
    """4 or 16 bytes. ``inet_pton`` opens no socket: it is C's strict parser, no more."""
    try:
        if ":" not in client:
            return socket.inet_pton(socket.AF_INET, client)
        packed = socket.inet_pton(socket.AF_INET6, client)
    except (OSError, ValueError):
        return None
    return packed[12:] if packed.startswith(_MAPPED) else packed
