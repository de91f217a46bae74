"""Who is at the other end of a connection, and what the app is told of it.

A trusted proxy's word is taken for the way so far: its X-Forwarded-For is appended to and
read from the right, up to the first address that is no trusted proxy. Nobody else's is.

A peer on a Unix socket is a trusted proxy by definition: visitors have no way to one, and
whoever may open it was let by the file's permissions.
"""

from __future__ import annotations

from gateway.core.addresses import Networks
from gateway.core.hops import read_hops, visitor
from gateway.proxy.wire.field_block import FieldBlock


class Peer:
    """``address`` is an IP address without zone, or "" on a Unix socket."""

    __slots__ = ("_for", "_proto", "_proxies", "_rest", "address", "trusted")

    def __init__(self, address: str, *, tls: bool, proxies: Networks) -> None:
        self.address = address.partition("%")[0]
        self._proxies = proxies
        self.trusted = not address or proxies.contain(self.address)
        self._for = b"X-Forwarded-For: %b\r\n" % (self.address or "unknown").encode()
        self._proto = b"X-Forwarded-Proto: %b\r\n" % (b"https" if tls else b"http")
        self._rest = self._for + self._proto + b"X-Forwarded-Host: "

    def client(self, request: FieldBlock) -> str:
        """The client's address as far as it can be believed."""
        if not self.trusted or request.forwarded_for is None:
            return self.address
        hops = read_hops(request.forwarded_for)
        return visitor(hops, self._proxies) or (hops[0] if hops else self.address)

    def field_lines(self, request: FieldBlock, host: bytes) -> bytes:
        """X-Forwarded-For, -Proto and -Host as the app gets them."""
        if not self.trusted:
            return self._rest + host + b"\r\n" if host else self._for + self._proto
        names = {name.lower() for name, _ in request.pairs}
        lines = self._for
        if request.forwarded_for is not None:
            way = [*request.forwarded_for, self.address.encode()]
            lines = b"X-Forwarded-For: %b\r\n" % b", ".join(filter(None, way))
        if b"x-forwarded-proto" not in names:
            lines += self._proto
        if b"x-forwarded-host" not in names and host:
            lines += b"X-Forwarded-Host: %b\r\n" % host
        return lines
