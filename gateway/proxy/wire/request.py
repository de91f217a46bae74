"""A request's head: read once, checked twice, and written anew for the app.

Theory of operation. The listener cuts a head out of the byte stream (it ends at the first
empty line). llhttp has to take its bytes, and so does our own grammar; what either refuses is
refused. The few fields that concern a proxy are settled in a ``FieldBlock``, and what is left is
unambiguous. Clients repeat themselves: on a kept connection the fields are mostly those of the
request before, byte for byte. ``RequestReader`` keeps one block for its connection and settles
only what is new (measured: 0.7 us a request against 3.6; 0.8 against 7.1 for a browser's).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from httptools import (
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from gateway.core.passes import COOKIE
from gateway.proxy.wire.body import NO_BODY, BodyReader, ChunkedBody, LengthBody
from gateway.proxy.wire.credentials import Credentials
from gateway.proxy.wire.errors import ClientError, bad_request
from gateway.proxy.wire.fields import HOP_BY_HOP, cut, options, pairs, tells_the_way, without
from gateway.proxy.wire.grammar import (
    ABSOLUTE_FORM,
    AUTHORITY,
    BLANKS,
    KNOWN_START,
    LENGTH,
    OTHER_VERSION,
    REQUEST_FIELDS,
    REQUEST_REST,
    REQUEST_START,
    WISH_FIELDS,
    tokens,
)

if TYPE_CHECKING:
    from gateway.pages.wishes import Wish
    from gateway.proxy.wire.peer import Peer

MAX_FIELDS = 128

# RFC 9110 section 9.2.2, less TRACE: safe to send again when nothing came back.
IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})

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


class RequestHead:
    """One request's head: the ``RequestFacts`` of a decision, and how it goes on."""

    __slots__ = ("block", "client", "host", "method", "origin", "rest", "target", "upgrade")

    def __init__(
        self, method: bytes, target: bytes, block: FieldBlock, client: str = "", rest: bytes = b""
    ) -> None:
        self.method = method
        self.target = target
        self.origin = target  # in origin or asterisk form, as it goes to the app
        self.block = block
        self.host = block.host
        self.upgrade = False
        self.client = client
        self.rest = rest  # of the head as it goes to the app, from the version on

    @property
    def fields(self) -> list[tuple[bytes, bytes]]:
        return self.block.pairs

    @property
    def memo(self) -> dict[object, object]:
        return self.block.memo

    def repeatable(self) -> bool:
        """May be sent again if a kept connection closed before a byte of answer came."""
        return self.method in IDEMPOTENT and not self.block.has_body and not self.upgrade

    def body(self) -> BodyReader:
        """How the body is framed (RFC 9112, 6.3): without length or chunks there is none."""
        if self.block.chunked:
            return ChunkedBody()
        length = self.block.content_length
        return LengthBody(length) if length else NO_BODY

    def with_rest(self, rest: bytes) -> RequestHead:
        """The same, but for what goes to the app of it."""
        made = RequestHead(self.method, self.target, self.block)
        made.origin, made.host, made.client = self.origin, self.host, self.client
        made.upgrade, made.rest = self.upgrade, rest
        return made

    def forwarded(self) -> bytes:
        """The head as the app gets it."""
        return b"%b %b%b" % (self.method, self.origin, self.rest)


class _Silent:
    """llhttp is asked whether a head is one, not what is in it."""


_SILENT = _Silent()


def wish_fields(raw: bytes) -> list[tuple[bytes, bytes]]:
    """What a head that is refused shows of the fields that a wish is read from."""
    return [(name, value.rstrip(BLANKS)) for name, value in WISH_FIELDS.findall(raw)]


class RequestReader:
    """Reads the heads of one connection, and remembers the last one's fields.

    ``peer`` says whose word on the way so far is taken, and what the app is told of it.
    """

    __slots__ = ("_block", "_client", "_default_host", "_known", "_peer", "_rest")

    def __init__(self, peer: Peer, default_host: bytes) -> None:
        self._peer = peer
        self._default_host = default_host
        self._known = b""  # the head from its version on, as it was last seen
        self._block = FieldBlock(b"", trusted=False)
        self._client = ""
        self._rest = b""

    def read(self, raw: bytes) -> RequestHead:
        """Read a whole head, empty line included. Raises ClientError."""
        try:
            return self.again(raw, len(raw)) or self._read_anew(raw)
        except ClientError as error:
            error.fields = wish_fields(raw)
            raise

    def again(self, data: bytes, limit: int) -> RequestHead | None:
        """The head, if ``data`` is one alone, of no more than ``limit`` bytes, with the fields
        that came last.

        It ends where ``data`` does: what was known ends with the first empty line in it, and
        there is no line end in what is before.
        """
        known = self._known
        if known and data.endswith(known):
            start = KNOWN_START.fullmatch(data, 0, len(data) - len(known))
            if start is not None and len(data) <= limit:
                method, target = start.groups()
                return RequestHead(method, target, self._block, self._client, self._rest)
        return None

    def _settle(self, raw: bytes, end: int) -> FieldBlock:
        match = REQUEST_REST.fullmatch(raw, end)
        if match is None:
            raise _no_request_line(raw)
        _ask_llhttp(raw, end)
        block = FieldBlock(raw[end + 9 : -2], trusted=self._peer.trusted)
        block.http_1_0 = match[1] == b"0"
        return block

    def _read_anew(self, raw: bytes) -> RequestHead:
        end = raw.find(b" HTTP/1.")
        start = REQUEST_START.fullmatch(raw, 0, end) if end > 0 else None
        if start is None:
            raise _no_request_line(raw)
        block = self._settle(raw, end)
        head = RequestHead(start[1], start[2], block)
        if head.method == b"CONNECT":  # whatever its target: a tunnel is not ours to give
            raise ClientError(405, "Method not allowed", "this is no forward proxy")
        kept = _settle_fields(block)
        if not block.host and not block.http_1_0:
            raise bad_request("the Host field is missing")
        head.host = block.host
        if head.target[:1] != b"/":
            _settle_target(head)
        head.upgrade = block.upgrade and head.method == b"GET"
        head.client = self._peer.client(block)
        hop = _hop_fields(block, upgrade=head.upgrade)
        forwarding = self._peer.field_lines(block, head.host)
        host = head.host or self._default_host
        head.rest = b" HTTP/1.1\r\nHost: %b%b%b%b\r\n" % (host, kept, hop, forwarding)
        if not block.upgrade and head.host is block.host:
            self._known, self._block = raw[end:], block
            self._client, self._rest = head.client, head.rest
        return head


def _ask_llhttp(raw: bytes, end: int) -> None:
    """The second reading. llhttp knows no byte above 0x7e in a target; apps do."""
    if not raw.isascii():
        raw = raw[: raw.find(b" ")] + b" /" + raw[end:]
    try:
        HttpRequestParser(_SILENT).feed_data(raw)
    except HttpParserUpgrade:
        pass  # an upgrade, or CONNECT: settled below
    except HttpParserInvalidMethodError as error:
        raise ClientError(501, "Not implemented", "the method is not known here") from error
    except HttpParserError as error:
        raise bad_request(f"the request's head is malformed: {error}") from error


def _no_request_line(raw: bytes) -> ClientError:
    if OTHER_VERSION.match(raw):
        return ClientError(505, "HTTP version not supported", "HTTP/1.0 or HTTP/1.1, please")
    return bad_request("the request's head is malformed")


def _settle_fields(block: FieldBlock) -> bytes:
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


def _hop_fields(block: FieldBlock, *, upgrade: bool) -> bytes:
    lines = b""
    if block.chunked:
        lines = b"Transfer-Encoding: chunked\r\n"
    if upgrade:
        lines += b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    if block.te_trailers:
        lines += b"TE: trailers\r\n"
    return lines


def _settle_target(head: RequestHead) -> None:
    """Asterisk form stays; absolute form loses its authority to the Host field."""
    target = head.target
    if target == b"*" and head.method == b"OPTIONS":
        return
    absolute = ABSOLUTE_FORM.fullmatch(target)
    if absolute is None or not AUTHORITY.fullmatch(absolute[1]):
        raise bad_request("the request target is malformed")
    head.host, rest = absolute.groups()
    if not rest and head.method == b"OPTIONS":
        head.origin = b"*"  # RFC 9112, 3.2.4
    else:
        head.origin = rest if rest[:1] == b"/" else b"/" + rest


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
