"""Answers that two readers would frame differently, by family, and what must become of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.wire import head

STOLEN = head(b"HTTP/1.1 200 OK", b"Content-Length: 6") + b"stolen"
OK = b"HTTP/1.1 200 OK"
CHUNKED = b"Transfer-Encoding: chunked"
LAST = b"0\r\n\r\n"
MADE_NO_SENSE = 502
CUT = 0  # half of it went out, and the client can see that it was half


@dataclass(frozen=True, slots=True)
class Spoken:
    """What the app says to a ``request``, and what the client must hear.

    ``status``: of the app's answer, with ``body``; 502; or ``CUT``. ``ends``: the app then ends
    its connection ("close", "reset"). ``last``: the client's connection ends with this answer.
    """

    name: str
    answer: bytes
    status: int = MADE_NO_SENSE
    body: bytes = b""
    ends: str = ""
    last: bool = False
    request: bytes = b"GET /spoken HTTP/1.1"


def answer(*lines: bytes, body: bytes = b"") -> bytes:
    return head(OK, *lines) + body


def _said(name: str, data: bytes, body: bytes = b"", status: int = 200) -> Spoken:
    return Spoken(name, data, status, body)


def _status_lines() -> Iterator[Spoken]:
    for line in (
        b"", b"garbage", b"200 OK", b"HTTP/1.1", b"HTTP/1.1 OK", b"HTTP/1.1 20 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 099 OK", b"HTTP/1.1 000 OK", b"HTTP/1.1 +20 OK", b"HTTP/1.1 2x0 OK",
        b"HTTP/1.1  200 OK",
        b"HTTP/1.1\t200 OK", b"HTTP/1.1 200\tOK", b" HTTP/1.1 200 OK", b"http/1.1 200 OK",
        b"HTTP/1.2 200 OK",
        b"HTTP/2.0 200 OK", b"HTTP/2 200", b"HTTP/0.9 200 OK", b"HTTP/11 200 OK",
        b"HTTP/1.10 200 OK",
        b"HTTP/1.1 200 O\x00K", b"HTTP/1.1 200 O\x0bK", b"HTTP/1.1 200 O\x7fK",
        b"HTTP/1.1 200 O\rK",
        b"HTTP/1.1 \xd9\xa2\xd9\xa0\xd9\xa0 OK", b"ICY 200 OK", b"RTSP/1.0 200 OK",
        b"GET / HTTP/1.1",
    ):  # fmt: skip
        yield Spoken(f"{line!r}", head(line, b"Content-Length: 0") + STOLEN)
    yield _said("no reason", head(b"HTTP/1.1 200 ", b"Content-Length: 2") + b"hi", b"hi")
    yield _said(
        "no reason and no blank", head(b"HTTP/1.1 200", b"Content-Length: 2") + b"hi", b"hi"
    )
    yield _said(
        "a status nobody knows", head(b"HTTP/1.1 799 x", b"Content-Length: 2") + b"hi", b"hi", 799
    )


def _lines() -> Iterator[Spoken]:
    for byte in [*range(9), *range(10, 32), 127]:
        yield Spoken(
            f"0x{byte:02x} in a value", answer(b"X: a%cb" % byte, b"Content-Length: 0") + STOLEN
        )
    for line in (
        b"X",
        b":",
        b": y",
        b"X : y",
        b"X\t: y",
        b" X: y",
        b"X(: y",
        b"X\x80: y",
        b"X\x00: y",
        b"X Y: z",
    ):
        yield Spoken(f"the field {line!r}", answer(line, b"Content-Length: 0") + STOLEN)
    for name, data in {
        "a fold": answer(b"X: y", b" z", b"Content-Length: 0"),
        "a fold by a tab": answer(b"X: y", b"\tz", b"Content-Length: 0"),
        "a fold ahead of all": b"HTTP/1.1 200 OK\r\n X: y\r\nContent-Length: 0\r\n\r\n",
        "LF everywhere": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "LF after the status line": b"HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        "LF between fields": b"HTTP/1.1 200 OK\r\nX: y\nContent-Length: 0\r\n\r\n",
        "CR after the status line": b"HTTP/1.1 200 OK\rContent-Length: 0\r\n\r\n",
        "CR at the end": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\r\n\r\n",
        "an empty line ahead": b"\r\n" + answer(b"Content-Length: 0"),
        "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x0a\r\n\r\n",
        "a long head": answer(b"X: " + b"a" * 70_000, b"Content-Length: 0"),
        "a head without end": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000,
    }.items():
        yield Spoken(name, data)


def _framing() -> Iterator[Spoken]:
    length = b"Content-Length: 5"
    for name, lines in {
        "length and chunks": [length, CHUNKED],
        "chunks and length": [CHUNKED, length],
        "two lengths": [length, b"Content-Length: 6"],
        "two equal lengths": [length, length],
        "two lengths, far apart": [length, *[b"X-%d: y" % n for n in range(40)], length],
        "a length folded": [b"Content-Length:", b" 5"],
        "chunked twice": [CHUNKED, CHUNKED],
        "chunked and then another": [CHUNKED, b"Transfer-Encoding: x"],
        "another and then chunked": [b"Transfer-Encoding: x", CHUNKED],
        "chunked named away, with a length": [b"Connection: Transfer-Encoding", CHUNKED, length],
    }.items():
        yield Spoken(name, answer(*lines, body=LAST) + STOLEN)
    for value in (
        b"+5", b"-5", b"5 0", b"0x5", b"5_0", b"5.0", b"", b"5,5", b"5, 5", b"5;", b'"5"',
        b"\xa05", b"5\xa0",
        b"18446744073709551621", b"1" * 30, b"five", "\u0665".encode(),
    ):  # fmt: skip
        yield Spoken(
            f"a length of {value!r}", answer(b"Content-Length: " + value, body=b"hello") + STOLEN
        )
    for value in (
        b"gzip, chunked", b"chunked, gzip", b"identity", b"xchunked", b'"chunked"',
        b"chunked;a=b", b"",
        b"chunked chunked", b"chunked,chunked", b"chunked\xa0", b"gzip", b"\xa0chunked",
    ):  # fmt: skip
        yield Spoken(
            f"a coding of {value!r}", answer(b"Transfer-Encoding: " + value, body=LAST) + STOLEN
        )
    old = b"HTTP/1.0 200 OK"
    yield Spoken("chunks in HTTP/1.0", head(old, CHUNKED) + LAST)
    yield Spoken("chunks and length in HTTP/1.0", head(old, CHUNKED, length) + LAST)
    yield _said(
        "a twin frames nothing",
        answer(b"Content_Length: 9", b"Content-Length: 2", body=b"hi"),
        b"hi",
    )
    yield _said(
        "named away", answer(b"Connection: Content-Length", b"Content-Length: 2", body=b"hi"), b"hi"
    )
    yield _said(
        "chunks", answer(CHUNKED, body=b"2;a=b\r\nhi\r\n0\r\nContent-Length: 9\r\n\r\n"), b"hi"
    )


def _chunks() -> Iterator[Spoken]:
    for line in (
        b"+5", b"0x5", b" 5", b"5 ", b"5h", b"", b"g", b"5_0", b"10000000000000005", b"0" * 18,
        b"5\xa0",
        b'5;a="b', b"5;a\rb", b"5;" + b"a" * 5000, b"7fffffffffffffff", b"5\n", b"5\r",
        b"-0", b"5,5",
    ):  # fmt: skip
        data = answer(CHUNKED, body=line + b"\r\nhello\r\n" + LAST)
        yield Spoken(f"a size of {line[:20]!r}", data + STOLEN)
    for name, body in {
        "data before a bare LF": b"5\r\nhello\n" + LAST,
        "data with nothing after it": b"5\r\nhello" + LAST,
        "data too long": b"5\r\nhello!\r\n" + LAST,
        "data too short": b"6\r\nhello\r\n" + LAST,
        "a size before a bare LF": b"5\nhello\r\n" + LAST,
        "a last chunk before a bare LF": b"0\n\n",
        "a trailer that is an answer": b"0\r\n" + STOLEN,
        "a trailer before a bare LF": b"0\r\nX: y\n\r\n",
        "a folded trailer": b"0\r\nX: y\r\n z\r\n\r\n",
        "trailers without end": b"0\r\nX: " + b"y" * 9000,
    }.items():
        yield Spoken(name, answer(CHUNKED, body=body) + STOLEN)


def _too_many() -> Iterator[Spoken]:
    """Bytes beyond the answer: never anybody's."""
    two = answer(b"Content-Length: 2", body=b"hi")
    yield _said("two answers by length", two + STOLEN, b"hi")
    yield _said(
        "two answers in chunks", answer(CHUNKED, body=b"2\r\nhi\r\n" + LAST) + STOLEN, b"hi"
    )
    yield _said("one byte more", two + b"x", b"hi")
    yield _said("a line end more", two + b"\r\n", b"hi")
    yield _said("a 100 after the answer", two + head(b"HTTP/1.1 100 Continue"), b"hi")
    yield _said("a body on 204", head(b"HTTP/1.1 204 x", b"Content-Length: 5") + b"hello", b"", 204)
    yield _said("an answer on 204", head(b"HTTP/1.1 204 x") + STOLEN, b"", 204)
    yield _said("a body on 304", head(b"HTTP/1.1 304 x", b"Content-Length: 5") + b"hello", b"", 304)
    yield _said("chunks on 304", head(b"HTTP/1.1 304 x", CHUNKED) + b"2\r\nhi\r\n" + LAST, b"", 304)
    for name, data in {
        "a body": answer(b"Content-Length: 5", body=b"hello"),
        "an answer": answer(b"Content-Length: 5") + STOLEN,
        "chunks": answer(CHUNKED, body=b"2\r\nhi\r\n" + LAST),
    }.items():
        yield Spoken(f"{name} on HEAD", data, 200, request=b"HEAD /spoken HTTP/1.1")
    yield _said("a length of 0 and a body", answer(b"Content-Length: 0", body=b"hello"))


def _informational() -> Iterator[Spoken]:
    hint = head(b"HTTP/1.1 103 Early Hints", b"Link: </a>")
    two = answer(b"Content-Length: 2", body=b"hi")
    yield _said("hints", hint * 3 + two, b"hi")
    yield _said("a 102 with a length", head(b"HTTP/1.1 102 x", b"Content-Length: 0") + two, b"hi")
    yield Spoken("a flood", head(b"HTTP/1.1 100 x") * 40 + two)
    yield Spoken(
        "a 101 nobody asked for",
        head(b"HTTP/1.1 101 x", b"Connection: Upgrade", b"Upgrade: websocket") + STOLEN,
    )
    yield Spoken(
        "a 101 to h2c", head(b"HTTP/1.1 101 x", b"Connection: Upgrade", b"Upgrade: h2c") + STOLEN
    )
    yield Spoken("a bare 101", head(b"HTTP/1.1 101 x") + STOLEN)
    yield Spoken("a hint, then garbage", hint + b"garbage\r\n\r\n")
    yield Spoken("a hint, then the end", hint, ends="close")


def _ends() -> Iterator[Spoken]:
    """The connection ends early, or is the answer's end."""
    for end in ("close", "reset"):
        yield Spoken(f"{end} without a byte", b"", ends=end)
        yield Spoken(f"{end} in the status line", b"HTTP/1.1 2", ends=end)
        yield Spoken(f"{end} in the head", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", ends=end)
        yield Spoken(f"{end} in a body", answer(b"Content-Length: 5", body=b"hel"), CUT, ends=end)
        yield Spoken(f"{end} in a chunk", answer(CHUNKED, body=b"5\r\nhel"), CUT, ends=end)
        yield Spoken(
            f"{end} before the last chunk", answer(CHUNKED, body=b"2\r\nhi\r\n"), CUT, ends=end
        )
        yield Spoken(
            f"{end} in the last chunk", answer(CHUNKED, body=b"2\r\nhi\r\n0\r\n"), CUT, ends=end
        )
    yield Spoken("an answer that ends with it", answer(body=b"hi"), 200, b"hi", "close", last=True)
    old = head(b"HTTP/1.0 200 OK") + b"hi"
    yield Spoken("an old answer that ends with it", old, 200, b"hi", "close", last=True)
    yield Spoken("a reset of one that ends with it", answer(body=b"hi"), CUT, ends="reset")
    close = answer(b"Connection: close", b"Content-Length: 2", body=b"hi")
    yield Spoken("a whole one that says close", close + STOLEN, 200, b"hi", "close")


FAMILIES: dict[str, list[Spoken]] = {
    "status lines": [*_status_lines()],
    "lines": [*_lines()],
    "framing": [*_framing()],
    "chunks": [*_chunks()],
    "too many": [*_too_many()],
    "informational": [*_informational()],
    "ends": [*_ends()],
}
