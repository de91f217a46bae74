"""A request's head as the gateway reads it, for tests that have no connection."""

from __future__ import annotations

from ipaddress import ip_network

from gateway.core.addresses import compile_networks
from gateway.proxy.wire.peer import Peer
from gateway.proxy.wire.request import RequestHead, RequestReader

STRANGER = "192.0.2.1"


def reader(*, trusted: bool = False, default_host: bytes = b"default.test") -> RequestReader:
    """The reader of a new connection from ``STRANGER``, who may be a trusted proxy."""
    proxies = compile_networks([ip_network(STRANGER)] if trusted else [])
    return RequestReader(Peer(STRANGER, tls=False, proxies=proxies), default_host)


def read_request(raw: bytes, *, trusted: bool = False) -> RequestHead:
    """The first head of a new connection."""
    return reader(trusted=trusted).read(raw)
