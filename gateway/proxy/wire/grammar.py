"""The parts of HTTP/1.1's grammar that both sides of the data plane check on raw bytes.

llhttp reads a request's head; these expressions read the same bytes a second time and refuse what
it lets pass (obs-fold in some builds, odd versions, RTSP and ICE lines, control characters).
A head goes on only where both readings agree. Possessive quantifiers keep every match linear.
RFC 9110 section 5.6.2 (token), 5.5 (field values), RFC 9112 sections 2 to 6.

Measured on a head of 340 bytes: the grammar 0.5 us, the fields of concern 0.5 us. A Python
callback a field costs 0.25 us each, so nothing is called for a field that nobody looks at.
"""

from __future__ import annotations

import re

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_LINE = TOKEN + rb"++:[\t\x20-\x7e\x80-\xff]*+"
_LINES = rb"(?:\r\n" + _LINE + rb")*+\r\n\r\n"

# A method is letters and hyphens in practice (llhttp knows the registered ones). A target is
# any visible byte: its meaning is the app's. Fragments never travel (RFC 9112, 3.2).
REQUEST_START = re.compile(rb"([A-Z][A-Z\-]*+) ([\x21\x22\x24-\x7e\x80-\xff]++)")
# Of those whose method and form of target mean the same before any block of fields.
KNOWN_START = re.compile(
    rb"(GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS) (/[\x21\x22\x24-\x7e\x80-\xff]*+)"
)
REQUEST_REST = re.compile(rb" HTTP/1\.([01])" + _LINES)
OTHER_VERSION = re.compile(rb"[A-Z\-]++ [^\x00-\x20\x7f]++ HTTP/(?!1\.[01]\r)[0-9](?:\.[0-9])?\r\n")


def _fields(*names: bytes) -> bytes:
    """Fields by name in any case: first letter by a set, since that fails fast at other lines.

    It finds a few names too many (any first letter with any rest), which nobody settles.
    """
    initials = bytes(sorted({name[0] for name in names} | {name[:1].upper()[0] for name in names}))
    rests = b"|".join(sorted({name[1:] for name in names}))
    return rb"[" + initials + rb"](?i:" + rests + rb")"


_VALUE = rb":[ \t]*+([^\r]*+)"

_CONCERNS_REQUESTS = _fields(
    b"host", b"connection", b"content-length", b"transfer-encoding", b"expect", b"te",
    b"upgrade", b"keep-alive", b"proxy-connection", b"trailer", b"http2-settings",
    b"forwarded", b"x-forwarded",
    rb"x-forwarded-[^:\r]*+", rb"x-maintenance[^:\r]*+",
)  # fmt: skip

# Each as (line, name, value), the value perhaps with blanks after it.
REQUEST_FIELDS = re.compile(
    rb"\r\n((" + _CONCERNS_REQUESTS + rb"|[^:\r_]*+_[^:\r]*+)" + _VALUE + rb")"
)
_CONCERNS_ANSWERS = _fields(
    b"connection", b"content-length", b"transfer-encoding", b"upgrade", b"keep-alive",
    b"proxy-connection", b"te", b"trailer", b"http2-settings",
)  # fmt: skip
RESPONSE_FIELDS = re.compile(
    rb"\r\n((" + _CONCERNS_ANSWERS + rb"|[Cc](?i:ontent-type))" + _VALUE + rb")"
)

# Many apps leave out the blank before an empty reason; RFC 9112 section 4 lets a client cope.
RESPONSE_HEAD = re.compile(
    rb"HTTP/1\.([01]) ([1-9][0-9]{2})((?: [\t\x20-\x7e\x80-\xff]*+)?)" + _LINES
)

# The answer that most are, in one match: a length, kept alive, nothing else of concern. Those
# that have no body though they may say a length (1xx, 204, 304) are not among them.
_PLAIN_LINES = rb"(?:\r\n(?!" + _CONCERNS_ANSWERS + rb":)" + _LINE + rb")*+"
_KEEP_ALIVE = rb"(\r\nConnection: keep-alive(?=\r))?"
PLAIN_RESPONSE_HEAD = re.compile(
    rb"HTTP/1\.1 (?!204|304)([2-9][0-9]{2}) [\t\x20-\x7e\x80-\xff]*+" + _PLAIN_LINES + _KEEP_ALIVE
    + _PLAIN_LINES + rb"\r\nContent-Length: ([0-9]{1,18})(?=\r)" + _PLAIN_LINES + _KEEP_ALIVE
    + _PLAIN_LINES + rb"\r\n\r\n"
)  # fmt: skip

# They go on as they came, but whoever reads a value takes them off.
BLANKS = b" \t"

# Bytes that cannot begin a request: a TLS hello, SOCKS, NUL, a bare LF.
NOT_A_METHOD = re.compile(rb"[^A-Z]")
BARE_LF = re.compile(rb"(?<!\r)\n")

# Up to 65535; a port may be empty (RFC 3986, 3.2.3).
_PORT = (
    rb"(?::(?:[0-9]{0,4}|[0-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}"
    rb"|655[0-2][0-9]|6553[0-5]))?"
)
_REG_NAME = rb"(?:[A-Za-z0-9\-._~!$&'()*+;=]|%[0-9A-Fa-f]{2})++"
_IPV6 = rb"\[(?=[^:]*+:[^:]*+:)[0-9A-Fa-f:.]+\]"
AUTHORITY = re.compile(rb"(?:" + _REG_NAME + rb"|" + _IPV6 + rb")" + _PORT)
ABSOLUTE_FORM = re.compile(rb"(?i:https?)://([^/?]*+)(.*+)")

WISH_FIELDS = re.compile(
    rb"\r\n((?i:accept(?:-language)?|sec-fetch-dest)):[ \t]*+([\t\x20-\x7e]*+)(?=\r\n)"
)

LENGTH = re.compile(rb"[0-9]{1,18}")
CHUNK_SIZE = re.compile(
    rb"([0-9A-Fa-f]{1,16})"
    rb"(?:[ \t]*;[ \t]*"
    + TOKEN
    + rb"+(?:=(?:"
    + TOKEN
    + rb'+|"[\t\x20\x21\x23-\x7e\x80-\xff]*"))?)*'
)
TRAILER_LINE = re.compile(_LINE)


def tokens(value: bytes) -> list[bytes]:
    """The members of a comma-separated field value, lower case, empty ones left out."""
    return [token for part in value.split(b",") if (token := part.strip(b" \t").lower())]
