"""What becomes of each field on its way: kept, dropped, or the gateway's own business.

RFC 9110 section 7.6.1: hop-by-hop fields end here, and so does every field that a
``Connection`` line names, but for those a client must not be able to take away.
"""

from __future__ import annotations

# Between two neighbours only. ``Trailer`` goes because trailers are dropped; ``TE`` and
# ``Upgrade`` are put back where they may pass; ``HTTP2-Settings`` belongs to h2c upgrades.
HOP_BY_HOP = frozenset({
    b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate",
    b"proxy-authorization", b"te", b"trailer", b"transfer-encoding", b"upgrade",
    b"http2-settings",
})  # fmt: skip

# Fields an app believes about where a request came from. A client that is no trusted proxy
# has no say in them, nor in any other that begins with X-Forwarded-.
FORWARDING = frozenset({b"forwarded", b"x-forwarded", b"x-forwarded-for"})

# ``Connection: Cookie`` must not log a user out, nor ``Connection: Host`` move a request.
# Cf. the hop-by-hop abuse of X-Forwarded-For in CVE-2022-31813 (Apache httpd).
NEVER_NAMED_AWAY = FORWARDING | {
    b"host", b"content-length", b"content-type", b"content-encoding", b"transfer-encoding",
    b"cookie", b"authorization", b"expect", b"range", b"origin", b"cache-control",
    b"set-cookie", b"location", b"date", b"server", b"x-maintenance", b"close",
}  # fmt: skip


def tells_the_way(name: bytes) -> bool:
    """Whether a field (in lower case) says where a request came from, under any name."""
    return name in FORWARDING or name[:12] == b"x-forwarded-"


Fields = list[tuple[bytes, bytes]]


def without_named(fields: Fields, connection: list[bytes]) -> Fields:
    """The fields less those that ``Connection`` names and that therefore end here."""
    named = {
        name
        for name in connection
        if name not in NEVER_NAMED_AWAY and name != b"keep-alive" and not tells_the_way(name)
    }
    if not named:
        return fields
    return [field for field in fields if field[0].lower() not in named]


def join(fields: Fields) -> bytes:
    """Field lines as they go over the wire, each ended by CRLF."""
    return b"".join([b"%b: %b\r\n" % field for field in fields])
