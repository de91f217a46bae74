"""What becomes of each field on its way: kept, dropped, or the gateway's own business.

RFC 9110 section 7.6.1: hop-by-hop fields end here, and so does every field that a
``Connection`` line names, but for those a client must not be able to take away. What is kept
goes on byte for byte: dropped lines are cut out of the block, nothing is put together anew.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from gateway.proxy.wire.grammar import BLANKS, tokens

# Between two neighbours only. ``Trailer`` goes because trailers are dropped; ``TE`` and
# ``Upgrade`` are put back where they may pass; ``HTTP2-Settings`` belongs to h2c upgrades.
# Not ``Proxy-Authorization``: it is for a proxy that asked for it, which this one never does.
HOP_BY_HOP = frozenset({
    b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer",
    b"transfer-encoding", b"upgrade", b"http2-settings",
})  # fmt: skip

# Fields an app believes about where a request came from. A client that is no trusted proxy
# has no say in them, nor in any other that begins with X-Forwarded-.
FORWARDING = frozenset({b"forwarded", b"x-forwarded", b"x-forwarded-for"})

# ``Connection: Cookie`` must not log a user out, nor ``Connection: Host`` move a request.
# Cf. the hop-by-hop abuse of X-Forwarded-For in CVE-2022-31813 (Apache httpd).
NEVER_NAMED_AWAY = FORWARDING | {
    b"host", b"content-length", b"content-type", b"content-encoding", b"transfer-encoding",
    b"cookie", b"authorization", b"expect", b"range", b"origin", b"cache-control",
    b"set-cookie", b"location", b"date", b"server", b"x-maintenance", b"close", b"keep-alive",
}  # fmt: skip


class Options(NamedTuple):
    """A ``Connection`` field: its tokens, and which fields it makes end here."""

    tokens: frozenset[bytes]
    named: frozenset[bytes]


@lru_cache(maxsize=256)
def options(value: bytes) -> Options:
    found = frozenset(tokens(value))
    named = {name for name in found - NEVER_NAMED_AWAY if not tells_the_way(name)}
    return Options(found, frozenset(named))


def tells_the_way(name: bytes) -> bool:
    """Whether a field (in lower case) says where a request came from, under any name."""
    return name in FORWARDING or name[:12] == b"x-forwarded-"


def cut(block: bytes, lines: list[bytes]) -> bytes:
    """The block of field lines, each after a CRLF, without ``lines``."""
    for line in lines:
        block = block.replace(b"\r\n%b\r\n" % line, b"\r\n", 1)
    return block


def without(block: bytes, named: frozenset[bytes]) -> bytes:
    """The block without the fields named (in lower case)."""
    lines = block.split(b"\r\n")
    return b"\r\n".join([line for line in lines if line.partition(b":")[0].lower() not in named])


def pairs(block: bytes) -> list[tuple[bytes, bytes]]:
    """The block's fields as names and values."""
    parts = [line.partition(b":") for line in block.split(b"\r\n") if line]
    return [(name, value.strip(BLANKS)) for name, _, value in parts]
