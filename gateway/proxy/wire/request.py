"""A request's head: read once, checked twice, and written anew for the app.

Theory of operation. The listener cuts a head out of the byte stream (it ends at the first
empty line). llhttp has to take its bytes, and so does our own grammar; what either refuses is
refused. The few fields that concern a proxy are settled in a ``FieldBlock``, and what is left is
unambiguous. Clients repeat themselves: on a kept connection the fields are mostly those of the
request before, byte for byte. ``RequestReader`` keeps one block for its connection and settles
only what is new (measured: 0.7 us a request against 3.6; 0.8 against 7.1 for a browser's).
"""

from __future__ import annotations

from httptools import (
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from gateway.proxy.wire.body import NO_BODY, BodyReader, ChunkedBody, LengthBody
from gateway.proxy.wire.errors import ClientError, bad_request
from gateway.proxy.wire.field_block import FieldBlock, hop_fields, settle_fields
from gateway.proxy.wire.grammar import (
    ABSOLUTE_FORM,
    AUTHORITY,
    BLANKS,
    KNOWN_START,
    OTHER_VERSION,
    REQUEST_REST,
    REQUEST_START,
    WISH_FIELDS,
)
from gateway.proxy.wire.peer import Peer

# RFC 9110 section 9.2.2, less TRACE: safe to send again when nothing came back.
IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})


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

    @property
    def peer_address(self) -> str:
        return self._peer.address

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
        kept = settle_fields(block)
        if not block.host and not block.http_1_0:
            raise bad_request("the Host field is missing")
        head.host = block.host
        if head.target[:1] != b"/":
            _settle_target(head)
        head.upgrade = block.upgrade and head.method == b"GET"
        head.client = self._peer.client(block)
        hop = hop_fields(block, upgrade=head.upgrade)
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
