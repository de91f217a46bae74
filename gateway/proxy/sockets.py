"""Socket options that both sides of the data plane share."""

from __future__ import annotations

import asyncio
import socket
import struct

# Seconds. A peer that has vanished without a word (a cut cable, a lost NAT entry) is noticed
# after 60 + 4 * 15: tunnels and event streams may be silent for ever and have no other end.
_IDLE, _INTERVAL, _PROBES = 60, 15, 4

# l_onoff=1, l_linger=0: close() sends a reset, so that half an answer never looks whole.
_RESET = struct.pack("ii", 1, 0)


def keep_watch(transport: asyncio.BaseTransport) -> None:
    """Let the kernel ask now and then whether the peer is still there."""
    sock = _tcp(transport)
    if sock is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_KEEPIDLE"):  # Linux
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _IDLE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _INTERVAL)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES)


def reset(transport: asyncio.Transport) -> None:
    """Close so that the peer sees that something is missing."""
    sock = _tcp(transport)
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


def _tcp(transport: asyncio.BaseTransport) -> socket.socket | None:
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is None or sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return None
    return sock
