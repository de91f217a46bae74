"""Requests made so that two readers differ, by family: those whose head is odd, and all others."""

from __future__ import annotations

from collections.abc import Iterator

from tests.support import smuggling_bodies
from tests.support.smuggling_vectors import (
    CHUNKED,
    GET,
    HIDDEN,
    HOST,
    LAST,
    POST,
    Vector,
    get,
    passed,
    post,
    refused,
)
from tests.support.wire import head


def _lines() -> Iterator[Vector]:
    for byte in [*range(9), *range(10, 32), 127]:
        yield Vector(f"0x{byte:02x} in a value", get(b"X: a%cb" % byte) + HIDDEN)
    for byte in b'"(),/;<=>?@[\\]{} \t\x00\x0b\x7f\x80\xa0\xff':
        yield Vector(f"0x{byte:02x} in a name", get(b"a%cb: y" % byte) + HIDDEN)
    yield from refused({
        "LF after the request line": b"GET / HTTP/1.1\nHost: a\r\n\r\n",
        "LF between fields": b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
        "LF everywhere": b"GET / HTTP/1.1\nHost: a\n\n",
        "LF at the end": b"GET / HTTP/1.1\r\nHost: a\r\n\n",
        "LF and CRLF at the end": b"GET / HTTP/1.1\r\nHost: a\n\r\n",
        "CR after the request line": b"GET / HTTP/1.1\rHost: a\r\n\r\n",
        "CR at the end": b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
        "two CRs after the request line": b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n",
        "LF and CR": b"GET / HTTP/1.1\n\rHost: a\r\n\r\n",
        "an empty name": get(b": y"),
        "only a colon": get(b":"),
        "no colon": get(b"X"),
        "a fold": get(b"X: y", b" z"),
        "a fold by a tab": get(b"X: y", b"\tz"),
        "an empty fold": get(b"X: y", b" "),
        "a fold ahead of all fields": b"GET / HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n",
        "a blank line of blanks": b"GET / HTTP/1.1\r\nHost: a\r\n \r\nX: y\r\n\r\n",
        "two empty lines ahead": b"\r\n\r\n" + get(),
        "LF ahead": b"\n" + get(),
        "CR ahead": b"\r" + get(),
        "a blank ahead": b" " + get(),
        "NUL ahead": b"\0" + get(),
        "a byte order mark ahead": b"\xef\xbb\xbf" + get(),
        "UTF-16": get().decode().encode("utf-16"),
    })  # fmt: skip
    yield passed("an empty line ahead", b"\r\n" + get(), (GET, b""))
    yield passed("values of every byte that may be", get(b"X:\ta\xe9\xff b,\"'(){}\t"), (GET, b""))


def _request_lines() -> Iterator[Vector]:
    for line in (
        b"GET  /sent HTTP/1.1", b"GET /sent  HTTP/1.1", b"GET\t/sent HTTP/1.1",
        b"GET /sent\tHTTP/1.1",
        b"GET /sent HTTP/1.1 ", b"GET /sent HTTP/1.1\t", b"GET\x0b/sent HTTP/1.1",
        b"GET\xa0/sent HTTP/1.1",
        b"get /sent HTTP/1.1", b"Get /sent HTTP/1.1", b"GET: /sent HTTP/1.1",
        b"G\x00T /sent HTTP/1.1",
        b"G=T /sent HTTP/1.1", b"/sent HTTP/1.1", b"GET HTTP/1.1", b"GET", b"GET /sent",
        b"GET /sent ",
        b"GET /sent http/1.1", b"GET /sent Http/1.1", b"GET /sent HTTP/1.10", b"GET /sent HTTP/11",
        b"GET /sent HTTP/01.1", b"GET /sent HTTP/1,1", b"GET /sent HTTP/ 1.1",
        b"GET /sent HTTP /1.1",
        b"GET /sent HTTP/1.", b"GET /sent HTTP/.1", b"GET /sent HTTP/1.x", b"GET /sent HTTP/-1.1",
        b"GET /sent HTTPS/1.1", b"GET /sent RTSP/1.0", b"SOURCE /sent ICE/1.0", b"GET /sent H",
        b"GET /sent HTTP/1.1 HTTP/1.1", b"GET /a /sent HTTP/1.1", b"GET /sent HTTP/1.1\x00",
        b"HTTP/1.1 200 OK", b"GET /sent HTTP/1.1, HTTP/1.1", b"GET /sent \x00HTTP/1.1",
    ):  # fmt: skip
        yield Vector(f"{line!r}", head(line, HOST) + HIDDEN)
    for version in (b"0.9", b"1.2", b"1.9", b"2.0", b"3.0", b"2"):
        yield Vector(f"HTTP/{version.decode()}", head(b"GET / HTTP/" + version, HOST), 505)
    for method in (b"BREW", b"GETX", b"GET-", b"PRIV", b"FOO-BAR"):
        yield Vector(f"the method {method!r}", head(method + b" / HTTP/1.1", HOST) + HIDDEN, 501)
    for target in (b"evil:80", b"/", b"*", b"http://evil/", b"evil"):
        yield Vector(
            f"CONNECT {target!r}", head(b"CONNECT " + target + b" HTTP/1.1", HOST) + HIDDEN, 405
        )
    old = b"GET /sent HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    yield passed("an old request without a Host", old, (GET, b""))


def _targets() -> Iterator[Vector]:
    for byte in [*range(1, 9), 11, 12, *range(14, 32), 127]:
        yield Vector(f"0x{byte:02x}", head(b"GET /a%cb HTTP/1.1" % byte, HOST) + HIDDEN)
    for target in (
        b"/#f", b"/a#", b"#", b"/?q#", b"sent", b"?q", b"@evil/", b"evil:80", b":80/", b"\\sent",
        b"..",
        b"./sent", b"%2fsent", b"http:/sent", b"http:sent", b"http:///sent", b"http://",
        b"http://?q",
        b"http://a@evil/", b"http://a:b@evil/", b"http://a,evil/", b"http://a:99999/",
        b"http://a:x/",
        b"http://[::1/", b"http://a]/", b"http://a/#f", b"ftp://a/", b"ws://a/",
        b"file:///etc/passwd",
        b"javascript:x", b"mailto:a@b", b"*", b"*/x", b"**", b"\xe9/", b"https//a/",
        b"http://a\\evil/",
    ):  # fmt: skip
        yield Vector(f"{target!r}", head(b"GET " + target + b" HTTP/1.1", HOST) + HIDDEN)
    yield Vector("a star for POST", head(b"POST * HTTP/1.1", HOST, b"Content-Length: 0") + HIDDEN)
    for target in (
        b"//evil/", b"///", b"/@evil", b"/http://evil/", b"/..//../x", b"/%zz", b"/a?", b"/a??b?",
        b"/\\evil",
        b"/a;b=c", b"/%00", b"/a%0d%0aX:y", b"/\xe9\xff", b"/{}|^`\"<>'",
    ):  # fmt: skip
        line = b"GET " + target + b" HTTP/1.1"
        yield passed(f"{target!r} as it is", head(line, HOST), (line, b""))
    star = b"OPTIONS * HTTP/1.1"
    yield passed("a star for OPTIONS", head(star, HOST), (star, b""))
    yield passed("absolute OPTIONS", head(b"OPTIONS http://a HTTP/1.1", HOST), (star, b""))
    for target in (b"http://other/sent", b"HTTPS://other:1/sent", b"http://[::1]:80/sent"):
        yield passed(
            f"{target!r} loses its authority",
            head(b"GET " + target + b" HTTP/1.1", HOST),
            (GET, b""),
        )
    yield passed(
        "absolute without a path",
        head(b"GET http://other?q HTTP/1.1", HOST),
        (b"GET /?q HTTP/1.1", b""),
    )


def _hosts() -> Iterator[Vector]:
    for value in (
        b"", b" ", b"a, evil", b"a,evil", b"a evil", b"a\tevil", b"a/evil", b"a/", b"/",
        b"a@evil", b"@evil",
        b"a:80:80", b"a:x", b"a:-1", b"a:99999", b"a:65536", b"a:080808", b"http://a", b"a?b",
        b"a#b",
        b"a\\evil", b"[::1", b"::1", b"a]", b"[a]", b"[::1]x", b"a\x00", b"a\x0b", b"a%", b"a%zz",
        b"a\xff",
        b'"a"', b"<a>", b"a{b}", b"a|b", b"a^b", b"a`b", b":80",
    ):  # fmt: skip
        yield Vector(f"{value!r}", head(GET, b"Host: " + value) + HIDDEN)
    yield from refused({
        "none": head(GET),
        "none, and a target with one": head(b"GET http://a/ HTTP/1.1"),
        "two": head(GET, HOST, b"Host: evil"),
        "two the same": head(GET, HOST, HOST),
        "two, the first empty": head(GET, b"Host:", HOST),
        "two, the second empty": head(GET, HOST, b"Host:"),
        "two in other letters": head(GET, HOST, b"hOsT: a"),
        "two in HTTP/1.0": head(b"GET / HTTP/1.0", HOST, HOST),
        "folded": head(GET, b"Host:", b" a"),
        "blank before the colon": head(GET, b"Host : a"),
        "in the fold of another": head(GET, b"X: y", b" Host: a"),
        "only a twin of one": head(GET, b"HOST_: a"),
        "one at odds that is bad": head(b"GET http://b/ HTTP/1.1", b"Host: a b"),
    })  # fmt: skip
    for value in (b"a:", b"a:80", b"[::1]:8080", b"A.Test.", b"a_b", b"1.2.3.4", b"a%41"):
        yield passed(f"{value!r} as it is", head(GET, b"Host: " + value), (GET, b""))
    yield passed("named away", get(b"Connection: Host"), (GET, b""))


def _upgrades() -> Iterator[Vector]:
    websocket = (b"Connection: Upgrade", b"Upgrade: websocket")
    after = (b"GET /hidden HTTP/1.1", b"")
    length = b"Content-Length: %d" % len(HIDDEN)
    h2c = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk")
    yield passed("declined", get(*websocket) + HIDDEN, (GET, b""), after)
    yield passed("with a body", get(*websocket, length) + HIDDEN, (GET, HIDDEN))
    yield passed("with chunks", get(*websocket, CHUNKED) + b"2\r\nhi\r\n" + LAST, (GET, b"hi"))
    yield passed("by POST", post(*websocket, length, body=HIDDEN), (POST, HIDDEN))
    yield passed("not named by Connection", get(b"Upgrade: websocket") + HIDDEN, (GET, b""), after)
    yield passed("to h2c", get(*h2c) + HIDDEN, (GET, b""), after)
    yield passed("to h2c with a body", post(*h2c, length, body=HIDDEN), (POST, HIDDEN))
    for value in (
        b"h2c, websocket",
        b"websocket, h2c",
        b"TLS/1.0",
        b"websocket/13",
        b"",
        b"HTTP/2.0",
    ):
        data = get(b"Connection: Upgrade", b"Upgrade: " + value) + HIDDEN
        yield passed(f"to {value!r}", data, (GET, b""), after)
    yield Vector("with two lengths", get(*websocket, length, length) + HIDDEN)
    yield Vector("with chunks and length", get(*websocket, CHUNKED, length) + LAST + HIDDEN)
    yield Vector("with a bare LF", get(b"Connection: Upgrade\nUpgrade: websocket") + HIDDEN)


def _expectations() -> Iterator[Vector]:
    continues = b"Expect: 100-continue"
    length = b"Content-Length: %d" % len(HIDDEN)
    for value in (
        b"",
        b"x",
        b"100-continue, x",
        b"100-continue,100-continue",
        b"100",
        b'"100-continue"',
        b"100-continue; a",
    ):
        yield Vector(f"{value!r}", post(b"Expect: " + value, length, body=HIDDEN), 417)
    yield passed("with its body", post(continues, length, body=HIDDEN), (POST, HIDDEN))
    yield passed(
        "in capitals, with blanks",
        post(b"EXPECT:\t100-Continue ", length, body=HIDDEN),
        (POST, HIDDEN),
    )
    yield passed("twice", post(continues, continues, length, body=HIDDEN), (POST, HIDDEN))
    yield passed(
        "without a body", get(continues) + HIDDEN, (GET, b""), (b"GET /hidden HTTP/1.1", b"")
    )
    yield passed("with chunks", post(continues, CHUNKED, body=LAST))
    yield Vector("with two lengths", post(continues, length, length, body=HIDDEN))
    yield Vector(
        "named away, with two lengths", post(b"Connection: Expect", continues, length, length)
    )


def _other_protocols() -> Iterator[Vector]:
    yield from refused({
        "a TLS hello": b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
        "an SSL 2 hello": b"\x80\x2e\x01\x00\x02",
        "SOCKS 4": b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00",
        "SOCKS 5": b"\x05\x01\x00",
        "PROXY version 1": b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
        "PROXY version 2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12),
        "an SSH banner": b"SSH-2.0-OpenSSH_9.0\r\n",
        "SMTP": b"EHLO a\r\n", "FTP": b"USER a\r\n", "memcached": b"get a\r\n",
        "Redis": b"*1\r\n$4\r\nPING\r\n", "a WebSocket frame": b"\x81\x85\x00\x00\x00\x00hello",
        "gzip": b"\x1f\x8b\x08\x00", "noughts": bytes(20),
        "an HTTP/2 frame": b"\x00\x00\x00\x04" + bytes(5),
        "FastCGI": b"\x01\x01\x00\x01\x00\x08\x00\x00", "AJP": b"\x12\x34\x00\x01",
        "XML": b"<policy-file-request/>\0",
    })  # fmt: skip
    yield Vector("HTTP/2's preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)


def _too_much() -> Iterator[Vector]:
    yield Vector("a long target", head(b"GET /" + b"a" * 40_000 + b" HTTP/1.1", HOST), 414)
    yield Vector("a target without end", b"GET /" + b"a" * 40_000, 414)
    yield Vector("a method without end", b"A" * 40_000, 414)
    yield Vector("a long field", get(b"X: " + b"a" * 40_000), 431)
    yield Vector("a name without end", b"GET / HTTP/1.1\r\n" + b"a" * 40_000, 431)
    yield Vector("too many fields", get(*[b"X: y"] * 200) + HIDDEN, 431)


FAMILIES: dict[str, list[Vector]] = smuggling_bodies.FAMILIES | {
    "lines": [*_lines()],
    "request lines": [*_request_lines()],
    "targets": [*_targets()],
    "hosts": [*_hosts()],
    "upgrades": [*_upgrades()],
    "expectations": [*_expectations()],
    "other protocols": [*_other_protocols()],
    "too much": [*_too_much()],
}
