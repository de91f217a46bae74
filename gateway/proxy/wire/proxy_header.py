"""The PROXY protocol's header: who is behind a balancer that moves bytes alone. Pure.

Strict (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt): whoever sends one sends it
whole and right, so anything else is a mistake that must not come to be somebody's address. What
goes beyond addresses (the TLVs of version 2) is checked for its bounds and not looked at.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

MOST = 4096  # bytes of a header; balancers send some 300 at most, the protocol allows 65,551

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_FIXED = 16  # bytes of version 2 before the addresses
_LONGEST_LINE = 107  # bytes of version 1
_PORT = rb"(?:0|[1-9][0-9]{0,4})"
_LINE = re.compile(
    rb"PROXY (?:(?P<unknown>UNKNOWN)(?: [^\r\n]*)?|TCP(?P<family>[46]) (?P<source>[0-9A-Fa-f.:]+)"
    rb" (?P<target>[0-9A-Fa-f.:]+) (?P<from>" + _PORT + rb") (?P<to>" + _PORT + rb"))"
)
_FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_LOCAL, _PROXIED = 0x20, 0x21  # version 2, and the command
# Bytes of both addresses and ports, by family and transport: none, TCP over IPv4, over IPv6, Unix.
_SIZES = {0x00: 0, 0x11: 12, 0x21: 36, 0x31: 216}


class BadHeader(Exception):  # noqa: N818 of the peer's; the connection ends with it
    """What came begins no valid header."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """``size`` in bytes; ``source`` is the visitor's address, None where it names none."""

    size: int
    source: str | None


def parse_proxy_header(data: bytes) -> ProxyHeader | None:
    """The header that ``data`` begins with; None: more has to come. Raises ``BadHeader``."""
    if data.startswith(b"PROXY"[: len(data)]):
        return _version_1(data)
    if data.startswith(_SIGNATURE[: len(data)]):
        return _version_2(data)
    raise BadHeader("no PROXY header")


def _version_1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, _LONGEST_LINE)
    if end < 0:
        if len(data) >= _LONGEST_LINE or b"\n" in data:
            raise BadHeader("a PROXY line without its end")
        return None
    match = _LINE.fullmatch(data, 0, end)
    if match is None:
        raise BadHeader("a malformed PROXY line")
    if match["unknown"]:
        return ProxyHeader(end + 2, None)
    family = _FAMILIES[int(match["family"])]
    if int(match["from"]) > 65_535 or int(match["to"]) > 65_535:
        raise BadHeader("a PROXY line with no port")
    try:
        source, _ = (socket.inet_pton(family, match[one].decode()) for one in ("source", "target"))
    except OSError as error:
        raise BadHeader("a PROXY line with no address") from error
    return ProxyHeader(end + 2, _text(source))


def _version_2(data: bytes) -> ProxyHeader | None:
    if len(data) < _FIXED:
        return None
    command, family = data[12], data[13]
    size = _FIXED + int.from_bytes(data[14:16], "big")
    if command not in {_LOCAL, _PROXIED} or size > MOST:
        raise BadHeader("a PROXY header of another version, or too long")
    if command == _PROXIED and (family not in _SIZES or size < _FIXED + _SIZES[family]):
        raise BadHeader("a PROXY header of no known family, or too short for its addresses")
    if len(data) < size:
        return None
    if command == _LOCAL:  # the balancer's own, such as a health check
        return ProxyHeader(size, None)
    _check_extras(data[_FIXED + _SIZES[family] : size])
    width = {0x11: 4, 0x21: 16}.get(family)
    source = None if width is None else _text(data[_FIXED : _FIXED + width])
    return ProxyHeader(size, source)


def _check_extras(data: bytes) -> None:
    """Type, length and value, again and again, to the last byte."""
    at = 0
    while at < len(data):
        at += 3 + int.from_bytes(data[at + 1 : at + 3], "big")
        if at > len(data):
            raise BadHeader("a PROXY header whose extras go beyond it")


def _text(packed: bytes) -> str:
    address = ip_address(packed)
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
