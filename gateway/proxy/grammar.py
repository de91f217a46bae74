"""The parts of HTTP/1.1's grammar that both sides of the data plane check on raw bytes.

llhttp reads the fields; these expressions read the same bytes a second time and refuse what
it lets pass (obs-fold in some builds, odd versions, RTSP and ICE lines, control characters).
A head goes on only where both readings agree. Possessive quantifiers keep every match linear.
RFC 9110 section 5.6.2 (token), 5.5 (field values), RFC 9112 sections 2 to 6.
"""

from __future__ import annotations

import re

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_FIELD_LINES = rb"((?:" + TOKEN + rb"++:[\t\x20-\x7e\x80-\xff]*+\r\n)*+)\r\n"

# A method is letters and hyphens in practice (llhttp knows the registered ones). A target is
# any visible byte: its meaning is the app's. Fragments never travel (RFC 9112, 3.2).
REQUEST_HEAD = re.compile(
    rb"([A-Z][A-Z\-]*+) ([\x21\x22\x24-\x7e\x80-\xff]++) HTTP/1\.([01])\r\n" + _FIELD_LINES
)
OTHER_VERSION = re.compile(rb"[A-Z\-]++ [^\x00-\x20\x7f]++ HTTP/(?!1\.[01]\r)[0-9](?:\.[0-9])?\r\n")

# Many apps leave out the blank before an empty reason; RFC 9112 section 4 lets a client cope.
RESPONSE_HEAD = re.compile(
    rb"HTTP/1\.([01]) ([1-9][0-9]{2})((?: [\t\x20-\x7e\x80-\xff]*+)?)\r\n" + _FIELD_LINES
)

# llhttp leaves the blanks after a field's value on it, though they are no part of it. They go
# on as they came, but whoever reads a value takes them off.
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
AUTHORITY = re.compile(rb"(?:" + _REG_NAME + rb"|\[[0-9A-Fa-f:.]+\])" + _PORT)
ABSOLUTE_FORM = re.compile(rb"(?i:https?)://([^/?]*+)(.*+)")

LENGTH = re.compile(rb"[0-9]{1,18}")
CHUNK_SIZE = re.compile(
    rb"([0-9A-Fa-f]{1,16})"
    rb"(?:[ \t]*;[ \t]*"
    + TOKEN
    + rb"+(?:=(?:"
    + TOKEN
    + rb'+|"[\t\x20\x21\x23-\x7e\x80-\xff]*"))?)*[ \t]*'
)
TRAILER_LINE = re.compile(TOKEN + rb"++:[\t\x20-\x7e\x80-\xff]*+")


def tokens(value: bytes) -> list[bytes]:
    """The members of a comma-separated field value, lower case, empty ones left out."""
    return [token for part in value.split(b",") if (token := part.strip(b" \t").lower())]
