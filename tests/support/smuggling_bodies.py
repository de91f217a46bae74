"""Requests that are framed so that two readers differ, by family."""

from __future__ import annotations

from collections.abc import Iterator

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


def _framing_at_odds() -> Iterator[Vector]:
    """CL.TE, TE.CL: what one reader measures by length, another does by chunks."""
    length = b"Content-Length: 5"
    yield from refused({
        "length, then chunks": post(length, CHUNKED, body=LAST),
        "chunks, then length": post(CHUNKED, length, body=LAST),
        "chunks beside a length of 0": post(CHUNKED, b"Content-Length: 0", body=LAST),
        "a length of all that follows beside chunks": post(
            b"Content-Length: %d" % len(LAST + HIDDEN), CHUNKED, body=LAST),
        "a length between two codings": post(CHUNKED, length, CHUNKED, body=LAST),
        "names in capitals and small": post(b"CONTENT-LENGTH: 5", b"transfer-encoding: chunked",
        body=LAST),
        "a length named away beside chunks": post(b"Connection: Content-Length", length, CHUNKED,
        body=LAST),
        "a coding named away beside a length": post(b"Connection: Transfer-Encoding", CHUNKED,
        length, body=LAST),
        "far apart": post(CHUNKED, *[b"X-%d: y" % n for n in range(60)], length, body=LAST),
        "on GET": get(length, CHUNKED) + LAST,
        "on HEAD": head(b"HEAD / HTTP/1.1", HOST, CHUNKED, length) + LAST,
        "identity beside a length": post(b"Transfer-Encoding: identity", length, body=b"hello"),
        "chunks in HTTP/1.0": head(b"POST / HTTP/1.0", HOST, CHUNKED) + LAST,
        "chunks and length in HTTP/1.0": head(b"POST / HTTP/1.0", HOST, CHUNKED, length) + LAST,
        "chunks to stay connected in HTTP/1.0": head(
            b"POST / HTTP/1.0", HOST, CHUNKED, b"Connection: keep-alive") + LAST,
    })  # fmt: skip


def _codings() -> Iterator[Vector]:
    """TE.TE: a coding that one reader knows and the other does not."""
    values = [
        b"gzip, chunked", b"chunked, gzip", b"chunked, identity", b"identity, chunked", b"identity",
        b"xchunked", b"chunkedx", b"chunk", b'"chunked"', b"'chunked'", b"\x0bchunked",
        b"chunked\x0b", b"\x0cchunked", b"chunked\x00", b"chunked\x1f", b"chunked\x7f",
        b"chunked;a=b", b"chunked; q=1.0", b"chunked;", b"chunked\xa0", b"\xa0chunked",
        b"chunked chunked", b"chunked,chunked", b"chunked, chunked", b"deflate", b"trailers", b"",
        b" ", b",", b"chunked,", b"cow", b"\xef\xbb\xbfchunked", "chun\u212aed".encode(),
        b"chu\tnked", b"chun=ked",
        b"chunked/1", b"(chunked)", b"chunked(x)", b"chunked:", b"=chunked", b"chunked\xc2\x85",
    ]  # fmt: skip
    for value in values:
        data = post(b"Transfer-Encoding: " + value, body=LAST)
        yield Vector(f"a coding of {value!r}", data + HIDDEN)
    yield from refused({
        "chunked twice": post(CHUNKED, CHUNKED, body=LAST),
        "chunked and then another": post(CHUNKED, b"Transfer-Encoding: x", body=LAST),
        "another and then chunked": post(b"Transfer-Encoding: x", CHUNKED, body=LAST),
        "chunked and then none": post(CHUNKED, b"Transfer-Encoding:", body=LAST),
        "folded after a blank": post(b"Transfer-Encoding:", b" chunked", body=LAST),
        "folded after a tab": post(b"Transfer-Encoding:", b"\tchunked", body=LAST),
        "folded after a comma": post(b"Transfer-Encoding: gzip,", b" chunked", body=LAST),
        "in the fold of another": post(b"X: y", b" Transfer-Encoding: chunked", body=LAST),
        "blank before the colon": post(b"Transfer-Encoding : chunked", body=LAST),
        "tab before the colon": post(b"Transfer-Encoding\t: chunked", body=LAST),
        "vertical tab before the colon": post(b"Transfer-Encoding\x0b: chunked", body=LAST),
        "blank before the name": post(b" Transfer-Encoding: chunked", body=LAST),
        "a blank for the hyphen": post(b"Transfer Encoding: chunked", body=LAST),
        "NUL in the name": post(b"Transfer-Encoding\0: chunked", body=LAST),
        "a byte above ASCII in the name": post(b"Transfer-Encod\xefng: chunked", body=LAST),
        "after a bare LF": post(b"X: y\nTransfer-Encoding: chunked", body=LAST),
        "after a bare CR": post(b"X: y\rTransfer-Encoding: chunked", body=LAST),
        "after two CRs": post(b"X: y\r", CHUNKED, body=LAST),
        "no colon": post(b"Transfer-Encoding chunked", body=LAST),
        "an equals sign": post(b"Transfer-Encoding= chunked", body=LAST),
    })  # fmt: skip
    for name, line in (
        ("a twin with an underscore", b"Transfer_Encoding: chunked"),
        ("a twin in capitals", b"TRANSFER_ENCODING: chunked"),
        ("another field", b"Content-Encoding: chunked"),
        ("a field that begins so", b"Transfer-Encoding-X: chunked"),
        ("a field that ends so", b"X-Transfer-Encoding: chunked"),
    ):
        data = post(line, body=LAST + HIDDEN)
        yield Vector(f"{name} frames nothing", data, 400, ((POST, b""),))
    chunks = b"2\r\nhi\r\n" + LAST
    yield passed(
        "chunked in capitals", post(b"TRANSFER-ENCODING: \tCHUNKED ", body=chunks), (POST, b"hi")
    )
    yield passed(
        "an empty member", post(b"Transfer-Encoding: , chunked", body=chunks), (POST, b"hi")
    )
    yield passed("no blank", post(b"transfer-encoding:chunked", body=chunks), (POST, b"hi"))
    yield passed(
        "named away", post(CHUNKED, b"Connection: Transfer-Encoding", body=chunks), (POST, b"hi")
    )


def _lengths() -> Iterator[Vector]:
    values = [
        b"+5", b"-5", b"-0", b"+0", b"5 0", b"5\t0", b"0x5", b"0X5", b"5h", b"0b101", b"0o5",
        b"5_0",
        b"5.0", b"5e0", b"5;", b"5; a=b", b"5,", b",5", b"5,5", b"5, 5", b"5, 6", b"5 5", b"'5'",
        b'"5"', b"\x0b5", b"5\x0b", b"\x0c5", b"5\x00", b"5\xa0", b"\xa05", b"", b" ", b"NaN",
        b"infinity", b"five", b"18446744073709551621", b"9223372036854775808", b"1" * 40, b"5L",
        b"(5)",
        b"5/1", b"#5", b"5%", "\u0665".encode(), "\uff15".encode(), "\u00b2".encode("latin-1"),
    ]  # fmt: skip
    for value in values:
        data = post(b"Content-Length: " + value, body=b"hello")
        yield Vector(f"a length of {value!r}", data + HIDDEN)
    length = b"Content-Length: 5"
    yield from refused({
        "twice the same": post(length, length, body=b"hello"),
        "twice, the first of 0": post(b"Content-Length: 0", length, body=b"hello"),
        "twice, the second of 0": post(length, b"Content-Length: 0", body=b"hello"),
        "three times": post(length, length, length, body=b"hello"),
        "twice in other letters": post(length, b"content-length: 5", body=b"hello"),
        "twice, far apart": post(length, *[b"X-%d: y" % n for n in range(60)], length,
        body=b"hello"),
        "folded after a tab": post(b"Content-Length:", b"\t5", body=b"hello"),
        "folded between digits": post(b"Content-Length: 1", b" 5", body=b"hello"),
        "blank before the colon": post(b"Content-Length : 5", body=b"hello"),
        "tab before the colon": post(b"Content-Length\t: 5", body=b"hello"),
        "NUL in the name": post(b"Content-Length\0: 5", body=b"hello"),
        "twice in HTTP/1.0": head(b"POST / HTTP/1.0", HOST, length, length) + b"hello",
        "twice on GET": get(length, length) + b"hello",
    })  # fmt: skip
    yield Vector(
        "a twin frames nothing", post(b"Content_Length: 5", body=b"hello"), 400, ((POST, b""),)
    )
    hidden = b"Content-Length: %d" % len(HIDDEN)
    for method in (b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"PUT", b"PATCH", b"PROPFIND"):
        line = method + b" /sent HTTP/1.1"
        yield passed(
            f"a body on {method.decode()}", head(line, HOST, hidden) + HIDDEN, (line, HIDDEN)
        )
    yield passed("leading noughts", post(b"Content-Length: 0005", body=b"hello"), (POST, b"hello"))
    yield passed("none at all on POST", post())
    yield passed("a length of 0 on GET", get(b"Content-Length: 0"), (GET, b""))
    yield passed(
        "named away", post(b"Connection: Content-Length", hidden, body=HIDDEN), (POST, HIDDEN)
    )
    yield passed(
        "blanks around it", post(b"Content-Length:\t 5 \t", body=b"hello"), (POST, b"hello")
    )


def _chunks() -> Iterator[Vector]:
    sizes = [
        b"+5", b"-5", b"0x5", b"0X5", b"5h", b"0_5", b" 5", b"5 ", b"\t5", b"5\t", b"\x0b5",
        b"5\x0b",
        b"", b" ", b";a", b"g", b"5,", b"5.0", b"5 5", b'"5"', b"\xa05", b"5\xa0",
        "\uff15".encode(),
        b"10000000000000005", b"0" * 17 + b"5", b"fffffffffffffffb", b"8000000000000005",
        b"7fffffffffffffff", b"4000000000000005", b"5\x00", b"\x005", b"5:", b"5=", b"5#",
    ]  # fmt: skip
    for size in sizes:
        data = post(CHUNKED, body=size + b"\r\nhello\r\n" + LAST)
        yield Vector(f"a size of {size!r}", data + HIDDEN)
    extensions = [
        b";a\rb", b";a\nb",
        b';a="b', b";=b", b";;", b";", b"; ", b";a=", b";a=;b", b";a b", b";a=b c",
        b";a\x00", b';a="\x00"', b';a="\x7f"', b";a\x7f", b";\xe9", b';a="b"c',
        b';a="\\""', b";a=b,c",
        b"\x0b;a", b";a\x0b", b";a:b", b";" + b"a" * 5000, b";a" * 200, b" a", b"\r", b"\n",
    ]  # fmt: skip
    for extension in extensions:
        data = post(CHUNKED, body=b"5" + extension + b"\r\nhello\r\n" + LAST)
        yield Vector(f"an extension of {extension[:20]!r}", data + HIDDEN)
    yield from refused({
        f"{name}": post(CHUNKED, body=body) for name, body in {
            "a size before a bare LF": b"5\nhello\r\n" + LAST,
            "a size before a bare CR": b"5\rhello\r\n" + LAST,
            "a size before LF and CR": b"5\n\rhello\r\n" + LAST,
            "data before a bare LF": b"5\r\nhello\n" + LAST,
            "data before a bare CR": b"5\r\nhello\r" + LAST,
            "data before LF and CR": b"5\r\nhello\n\r" + LAST,
            "data before two bytes of another kind": b"5\r\nhelloXX" + LAST,
            "nothing after data": b"5\r\nhello" + LAST,
            "data too long": b"5\r\nhello!\r\n" + LAST,
            "data too short": b"6\r\nhello\r\n" + LAST,
            "two line ends after data": b"5\r\nhello\r\n\r\n" + LAST,
            "all line ends bare": b"5\nhello\n0\n\n",
            "a broken chunk after a good one": b"5\r\nhello\r\nx\r\n" + LAST,
            "a last chunk with a sign": b"5\r\nhello\r\n-0\r\n\r\n",
            "a last chunk before a bare LF": b"0\n\r\n",
            "a last chunk's end of a bare LF": b"0\r\n\n",
            "a last chunk's end of CRs": b"0\r\n\r\r\n",
            "a last chunk of seventeen noughts": b"0" * 17 + b"\r\n\r\n",
            "a last chunk in hex": b"0x0\r\n\r\n",
        }.items()
    })  # fmt: skip
    yield passed(
        "extensions of every plain kind",
        post(CHUNKED, body=b'5;a;b=c ; d="e;\t\xe9\\"\r\nhello\r\n0;x=y\r\n\r\n'),
        (POST, b"hello"),
    )
    yield passed(
        "sizes in capitals, with noughts",
        post(CHUNKED, body=b"00A\r\n0123456789\r\n00\r\n\r\n"),
        (POST, b"0123456789"),
    )
    yield passed(
        "a chunk that looks like a request",
        post(CHUNKED, body=b"%x\r\n%b\r\n" % (len(HIDDEN), HIDDEN) + LAST),
        (POST, HIDDEN),
    )
    yield passed(
        "a chunk that looks like a last one",
        post(CHUNKED, body=b"5\r\n" + LAST + b"\r\n" + LAST),
        (POST, LAST),
    )
    yield passed("a body on GET", get(CHUNKED) + b"2\r\nhi\r\n" + LAST, (GET, b"hi"))


def _trailers() -> Iterator[Vector]:
    for name, lines in {
        "before a bare LF": b"X: y\n",
        "before a bare CR": b"X: y\rZ: y\r\n",
        "folded": b"X: y\r\n z\r\n",
        "that is folded first": b" X: y\r\n",
        "without a colon": b"X\r\n",
        "without a name": b": y\r\n",
        "with a blank before the colon": b"Transfer-Encoding : chunked\r\n",
        "with NUL": b"X: \x00\r\n",
        "with DEL": b"X: \x7f\r\n",
        "that is a request": HIDDEN,
        "that is a chunk": b"5\r\nhello\r\n",
        "without end": b"X: " + b"y" * 9000,
        "too many": b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 300,
    }.items():
        yield Vector(f"a trailer {name}", post(CHUNKED, body=b"0\r\n" + lines + b"\r\n") + HIDDEN)
    for line in (
        b"Content-Length: 50",
        CHUNKED,
        b"Host: evil",
        b"Connection: x",
        b"Trailer: Host",
        b"Cookie: a=b",
    ):
        data = post(
            CHUNKED, b"Trailer: " + line.partition(b":")[0], body=b"0\r\n" + line + b"\r\n\r\n"
        )
        yield passed(f"a trailer of {line!r} is dropped", data)


FAMILIES: dict[str, list[Vector]] = {
    "framing at odds": [*_framing_at_odds()],
    "codings": [*_codings()],
    "lengths": [*_lengths()],
    "chunks": [*_chunks()],
    "trailers": [*_trailers()],
}
