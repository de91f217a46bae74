"""Which answers of the app a notice is put into, and what becomes of their fields.

Only whole HTML pages that a browser shows: no redirect, no part of one (206), no download, nothing
compressed, nothing whose encoding is unknown, and nothing that says ``no-transform``.

A page with a notice in it is not the app's any more. What tells one version of the app's page from
another (``ETag``, ``Last-Modified``), what is a digest of its bytes, and ranges of them, would be
wrong, and are left away; nor is it to be found in any cache once the notice is lifted. With
``no-cache`` and no validator, a copy is never used without asking for the page again.
RFC 9110, sections 7.7, 8.6, 8.8 and 14; RFC 9111, section 5.2.2; RFC 9530.
"""

from __future__ import annotations

import re

from gateway.proxy.wire.fields import pairs
from gateway.proxy.wire.response import ResponseHead

_HTML = re.compile(rb"(?i)text/html[ \t]*(?:;(.*))?")
_CHARSET = re.compile(rb"(?i)(?:^|;)[ \t]*charset[ \t]*=[ \t]*\"?([^\";, \t]*)")
# Where each byte below 0x40 stands for itself, also within other characters: so "<", ">", quotes
# and "=" are never a part of one. Not so in UTF-16, UTF-7 and the ISO-2022 family.
_LIKE_ASCII = re.compile(
    rb"(?i)utf-?8|unicode-1-1-utf-8|(?:us-)?ascii|(?:iso|cs)?[-_]?8859[-_]?[0-9]{1,2}(?:[-_:].*)?"
    rb"|iso[-_]?8859[-_]?[0-9]{1,2}(?:[-_:].*)?|latin[-_]?[0-9]{1,2}|l[1-9]"
    rb"|(?:x-)?cp-?(?:125[0-8]|874|866|949|936|932)|windows-(?:125[0-8]|874|31j|949|936)|ibm866"
    rb"|koi8?(?:-?[rut]|-ru)?|(?:x-)?mac(?:intosh|-roman|-cyrillic)|tis-?620|dos-874"
    rb"|(?:x-)?gbk|gb_?2312(?:-80)?|gb18030|big5(?:-hkscs)?|euc-?(?:jp|kr)|ks_c_5601-1987"
    rb"|(?:x-)?sjis|shift[-_]jis|ms_kanji|ms932"
)

# Of the app's page, and not of that with a notice in it. CDNs have their own words for caching.
_NOT_OURS = frozenset({
    b"content-length", b"etag", b"last-modified", b"accept-ranges", b"content-md5", b"digest",
    b"content-digest", b"repr-digest",
})  # fmt: skip
_CACHING = frozenset({
    b"cache-control", b"expires", b"pragma", b"surrogate-control", b"x-accel-expires",
})  # fmt: skip
_NOT_KEPT = b"private, no-cache"

_NONCE = re.compile(rb"'nonce-([A-Za-z0-9+/_\-]++={0,2})'")
_STYLES = (b"style-src-elem", b"style-src", b"default-src")


def why_not(head: ResponseHead) -> str | None:
    """Why a notice is not put into an answer; None: it is, "": nobody would look for it there."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in pairs(head.kept)[1:]:
        found.setdefault(name.lower(), []).append(value)
    kinds = found.get(b"content-type", ())
    html = _HTML.fullmatch(kinds[0]) if len(kinds) == 1 else None
    if html is None or not _is_shown(head.status, found):
        return ""
    if any(value.lower() != b"identity" for value in found.get(b"content-encoding", ())):
        return "encoded"
    if b"no-transform" in _joined(found, b"cache-control"):
        return "no_transform"
    charset = _CHARSET.search(html[1] or b"")
    if charset is not None and not _LIKE_ASCII.fullmatch(charset[1]):
        return "charset"
    return None


def bears_notice(head: ResponseHead, flags: bytes, length: int | None) -> ResponseHead:
    """The head of the page with the notice; ``length`` None: it goes out in chunks, or to the end.

    ``flags`` are named to the client, too.
    """
    status, *lines = unkept(head).split(b"\r\n")
    kept = [line for line in lines if line and line.partition(b":")[0].lower() not in _NOT_OURS]
    if flags:
        kept.append(b"X-Maintenance-Notice: %b" % flags)
    if length is not None:
        kept.append(b"Content-Length: %d" % length)
    made = ResponseHead(head.status, b"\r\n".join([status, *kept, b""]))
    made.http_1_0, made.keep_alive = head.http_1_0, head.keep_alive
    made.content_length = length
    return made


def unkept(head: ResponseHead) -> bytes:
    """The lines of an answer, as it goes on, that no cache may use for anybody else."""
    lines = head.kept.split(b"\r\n")[:-1]
    caching = [line.lower() for line in lines if line[:14].lower() == b"cache-control:"]
    no_store = any(b"no-store" in line for line in caching)
    kept = [line for line in lines if not _says_to_cache(line)]
    kept.append(b"Cache-Control: %b" % (b"no-store" if no_store else _NOT_KEPT))
    return b"\r\n".join([*kept, b""])


def style_nonce(head: ResponseHead) -> bytes | None:
    """The nonce by which the page's policy lets styles in, if it does so by one."""
    for name, value in pairs(head.kept)[1:]:
        if name.lower() == b"content-security-policy":
            directives = [part.split() for part in value.split(b";")]
            policy = {words[0].lower(): words[1:] for words in directives if words}
            sources = next((policy[name] for name in _STYLES if name in policy), [])
            if nonce := _NONCE.search(b" ".join(sources)):
                return nonce[1]
    return None


def _is_shown(status: int, found: dict[bytes, list[bytes]]) -> bool:
    disposition = b",".join(found.get(b"content-disposition", ()))
    page = (200 <= status < 300 and status not in {204, 205, 206}) or status >= 400
    return page and b"content-range" not in found and b"attachment" not in disposition.lower()


def _joined(found: dict[bytes, list[bytes]], name: bytes) -> bytes:
    return b",".join(found.get(name, ())).lower()


def _says_to_cache(line: bytes) -> bool:
    name = line.partition(b":")[0].lower()
    return name in _CACHING or name.endswith(b"cdn-cache-control")
