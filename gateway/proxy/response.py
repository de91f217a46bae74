"""An answer's head: read from the app, refused where its framing is ambiguous.

aiohttp's and httptools' response parsers are lenient where browsers once had to be. A proxy
must not be: an answer that two readers frame differently lets one visitor read another's
page. So the same second reading as for requests, and RFC 9112 section 6.3 to the letter.
"""

from __future__ import annotations

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from gateway.proxy import fields as field_rules
from gateway.proxy.body import NO_BODY, BodyReader, ChunkedBody, LengthBody, UntilClose
from gateway.proxy.errors import AppError
from gateway.proxy.grammar import BLANKS, LENGTH, RESPONSE_HEAD, tokens

MAX_HEAD = 65_536  # bytes; nginx's and HAProxy's defaults are 4-16 KiB, some apps' cookies more

_OF_INTEREST = field_rules.HOP_BY_HOP | {b"content-length", b"content-type"}


class ResponseHead:
    """One answer's head, without the fields that end here."""

    __slots__ = (
        "_kept",
        "chunked",
        "connection",
        "content_length",
        "event_stream",
        "http_1_0",
        "keep_alive",
        "reason",
        "status",
        "upgrade",
    )

    def __init__(self) -> None:
        self.status = 0
        self.reason = b""
        self.http_1_0 = False
        self.keep_alive = True
        self.chunked = False
        self.content_length: int | None = None
        self.event_stream = False
        self.upgrade = b""
        self.connection: list[bytes] | None = None
        self._kept: list[tuple[bytes, bytes]] = []

    @property
    def informational(self) -> bool:
        return 100 <= self.status < 200

    # llhttp's callback, under its own name

    def on_header(self, name: bytes, value: bytes) -> None:
        lower = name.lower()
        if lower not in _OF_INTEREST or self._note(lower, value):
            self._kept.append((name, value))

    def _note(self, name: bytes, value: bytes) -> bool:
        match name:
            case b"connection":
                self.connection = (self.connection or []) + tokens(value)
            case b"content-length":
                value = value.rstrip(BLANKS)
                if self.content_length is not None or not LENGTH.fullmatch(value):
                    raise AppError("the app's Content-Length is malformed or given twice")
                self.content_length = int(value)
                return True
            case b"transfer-encoding":
                if self.chunked or tokens(value) != [b"chunked"]:
                    raise AppError("the app's Transfer-Encoding is not exactly chunked")
                self.chunked = True
            case b"content-type":
                self.event_stream = value[:17].lower() == b"text/event-stream"
                return True
            case b"upgrade":
                self.upgrade = value.rstrip(BLANKS)
            case b"proxy-authenticate":
                return True  # an app's 407 is the app's business with its client
            case _:
                pass
        return False

    def body(self, method: bytes, *, decode: bool = False) -> BodyReader:
        """How the body is framed (RFC 9112, 6.3). ``decode``: chunks are taken apart."""
        if method == b"HEAD" or self.status in {204, 304}:
            return NO_BODY
        if self.chunked:
            return ChunkedBody(decode=decode)
        if self.content_length is None:
            return UntilClose()
        return LengthBody(self.content_length) if self.content_length else NO_BODY

    def relayed(self, connection: bytes, *, decode: bool = False) -> bytes:
        """The head as the client gets it; ``connection`` is a whole field line or nothing."""
        kept = self._kept
        if self.connection is not None:
            kept = field_rules.without_named(kept, self.connection)
        bare = self.status == 204 or self.informational  # of which RFC 9110, 8.6 wants no length
        if bare and self.content_length is not None:
            kept = [field for field in kept if field[0].lower() != b"content-length"]
        framing = b""
        if self.chunked and not decode and not bare:
            framing = b"Transfer-Encoding: chunked\r\n"
        return b"HTTP/1.1 %d%b\r\n%b%b%b\r\n" % (
            self.status,
            self.reason or b" ",
            field_rules.join(kept),
            framing,
            connection,
        )


def parse_response(raw: bytes) -> ResponseHead:
    """Read a whole head, empty line included. Raises AppError."""
    match = RESPONSE_HEAD.fullmatch(raw)
    if match is None:
        raise AppError("the head of the app's answer is malformed")
    head = ResponseHead()
    parser = HttpResponseParser(head)
    try:
        parser.feed_data(raw)
    except HttpParserUpgrade:
        pass
    except HttpParserError as error:
        if isinstance(error.__context__, AppError):
            raise error.__context__ from None
        raise AppError(f"the head of the app's answer is malformed: {error}") from error
    head.http_1_0 = match[1] == b"0"
    head.status, head.reason = int(match[2]), match[3]
    _settle(head)
    return head


def _settle(head: ResponseHead) -> None:
    if head.chunked and (head.content_length is not None or head.http_1_0):
        raise AppError("the app's answer has Transfer-Encoding beside Content-Length or HTTP/1.0")
    connection = head.connection or ()
    head.keep_alive = b"close" not in connection and (
        not head.http_1_0 or b"keep-alive" in connection
    )
