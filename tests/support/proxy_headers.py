"""Headers of the PROXY protocol, version 2."""

from __future__ import annotations

import socket
import struct

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V4 = bytes([192, 0, 2, 7, 192, 0, 2, 1]) + struct.pack("!HH", 56324, 443)
V6 = b"".join(
    [
        socket.inet_pton(socket.AF_INET6, "2001:db8::7"),
        socket.inet_pton(socket.AF_INET6, "2001:db8::1"),
        struct.pack("!HH", 56324, 443),
    ]
)


def v2(command: int, family: int, rest: bytes) -> bytes:
    """Version and command, family and transport, and what is after the length."""
    return SIGNATURE + struct.pack("!BBH", command, family, len(rest)) + rest
