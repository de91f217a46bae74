"""The fields of a request's head, and which of them go on to the app.

Theory of operation. The few fields that concern a proxy (framing, the way so far, what is meant
for this hop alone) are settled one by one, each by a function of its own; what contradicts another
or itself is refused. All others are one run of bytes that goes on as it came.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from gateway.core.passes import COOKIE
from gateway.proxy.wire.credentials import Credentials
from gateway.proxy.wire.errors import ClientError, bad_request
from gateway.proxy.wire.fields import HOP_BY_HOP, cut, options, pairs, tells_the_way, without
from gateway.proxy.wire.grammar import AUTHORITY, BLANKS, LENGTH, REQUEST_FIELDS, tokens

if TYPE_CHECKING:
    from gateway.pages.wishes import Wish

MAX_FIELDS = 128

_NONE: frozenset[bytes] = frozenset()

# Of bypass links: for the gateway alone, whether its flag is on or not.
_PASS = COOKIE.encode()
_PASSES = Credentials(cookies=re.escape(_PASS) + rb"[A-Za-z0-9_.\-]*")


class FieldBlock:
    """The fields of a request, settled. Defaults are the class's: only what is said is set."""

    http_1_0 = False
    host = b""
    keep_alive = True
    content_length: int | None = None
    chunked = False
    expects_continue = False
    upgrade = False
    te_trailers = False
    connection = _NONE
    named = _NONE
    forwarded_for: list[bytes] | None = None
    has_body = False
    _accept: bytes | None = None
    wish: Wish | None = None  # what the client wants to read, once somebody has looked
    _pairs: list[tuple[bytes, bytes]] | None = None

    def __init__(self, raw: bytes, *, trusted: bool) -> None:
        self.raw = raw  # every line after its CRLF, and the empty line
        self.trusted = trusted
        self.memo: dict[object, object] = {}  # what decisions have worked out from the fields

    @property
    def pairs(self) -> list[tuple[bytes, bytes]]:
        """Every field as name and value; taken apart when somebody looks for one."""
        if self._pairs is None:
            self._pairs = pairs(self.raw)
        return self._pairs

    @property
    def accept(self) -> bytes | None:
        if self._accept is None:
            values = [value for name, value in self.pairs if name.lower() == b"accept"]
            self._accept = b", ".join(values)
        return self._accept or None


def settle_fields(block: FieldBlock) -> bytes:
    """Settle each field that concerns a proxy; returns the block of those that go on."""
    dropped = []
    for line, name, value in REQUEST_FIELDS.findall(block.raw):
        settle = _SETTLERS.get(name.lower()) or _unlisted(name.lower())
        if settle is not None and not settle(block, value.rstrip(BLANKS)):
            dropped.append(line)
    if block.raw.count(b"\r\n") > MAX_FIELDS + 1:
        raise ClientError(431, "Request header fields too large", "too many header fields")
    if block.chunked and (block.content_length is not None or block.http_1_0):
        raise bad_request("Transfer-Encoding beside Content-Length, or in HTTP/1.0")
    block.has_body = block.chunked or bool(block.content_length)
    options = block.connection
    block.keep_alive = b"close" not in options and (not block.http_1_0 or b"keep-alive" in options)
    plain = not block.http_1_0 and not block.has_body
    block.upgrade = block.upgrade and b"upgrade" in options and plain
    kept = cut(block.raw, dropped)
    if _PASS in block.raw:  # 4 % of the settling of a browser's head, which is done once
        kept = _PASSES.taken_out(kept)
    return without(kept, block.named) if block.named else kept


def hop_fields(block: FieldBlock, *, upgrade: bool) -> bytes:
    """Those for the next hop, written anew."""
    lines = b""
    if block.chunked:
        lines = b"Transfer-Encoding: chunked\r\n"
    if upgrade:
        lines += b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    if block.te_trailers:
        lines += b"TE: trailers\r\n"
    return lines


# One function a field: settles it, and says whether its line goes on to the app.


def _take_host(block: FieldBlock, value: bytes) -> bool:
    if block.host or not AUTHORITY.fullmatch(value):
        raise bad_request("the Host field is malformed, empty or given twice")
    block.host = value
    return False  # written anew, ahead of the others


def _take_connection(block: FieldBlock, value: bytes) -> bool:
    found = options(value)
    block.connection |= found.tokens
    block.named |= found.named
    return False


def _take_content_length(block: FieldBlock, value: bytes) -> bool:
    if block.content_length is not None or not LENGTH.fullmatch(value):
        raise bad_request("Content-Length is malformed or given twice")
    block.content_length = int(value)
    return True


def _take_transfer_encoding(block: FieldBlock, value: bytes) -> bool:
    if block.chunked or tokens(value) != [b"chunked"]:
        raise bad_request("the only Transfer-Encoding taken is chunked, once")
    block.chunked = True
    return False


def _take_expect(block: FieldBlock, value: bytes) -> bool:
    if value.lower() != b"100-continue":
        raise ClientError(417, "Expectation failed", "only 100-continue is known")
    block.expects_continue = True
    return True


def _take_te(block: FieldBlock, value: bytes) -> bool:
    block.te_trailers |= b"trailers" in tokens(value)
    return False


def _take_upgrade(block: FieldBlock, value: bytes) -> bool:
    block.upgrade = tokens(value) == [b"websocket"]
    return False


def _take_forwarded_for(block: FieldBlock, value: bytes) -> bool:
    block.forwarded_for = [*(block.forwarded_for or []), value]
    return False  # written anew, with the peer appended


def _take_way(block: FieldBlock, _value: bytes) -> bool:
    return block.trusted


def _drop(_block: FieldBlock, _value: bytes) -> bool:
    return False


Settle = Callable[[FieldBlock, bytes], bool]

_SETTLERS: dict[bytes, Settle] = dict.fromkeys(HOP_BY_HOP, _drop) | {
    b"host": _take_host,
    b"connection": _take_connection,
    b"content-length": _take_content_length,
    b"transfer-encoding": _take_transfer_encoding,
    b"expect": _take_expect,
    b"te": _take_te,
    b"upgrade": _take_upgrade,
    b"x-forwarded-for": _take_forwarded_for,
}


def _unlisted(name: bytes) -> Settle | None:
    """Fields that are the gateway's own, or that a WSGI app would take for one that is."""
    if tells_the_way(name):
        return _take_way
    twin = name.replace(b"_", b"-")
    if name[:13] == b"x-maintenance" or twin[:13] == b"x-maintenance":
        return _drop
    return _drop if twin != name and (twin in _SETTLERS or tells_the_way(twin)) else None
