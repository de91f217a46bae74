"""Requests made so that two readers differ: each is refused, or goes on as what it plainly is.

The judge is the app: it must never see another request than was sent, and the next visitor
must never get another answer than their own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.support.proxy_stage import Stage
from tests.support.wire import Message, Wire, head, ok, turns

HIDDEN = head(b"GET /hidden HTTP/1.1", b"Host: a")
POST = b"POST /sent HTTP/1.1"
HOST = b"Host: a"
CHUNKED = b"Transfer-Encoding: chunked"


def post(*lines: bytes, body: bytes = b"") -> bytes:
    return head(POST, HOST, *lines) + body


def chunked(body: bytes, *lines: bytes) -> bytes:
    return post(CHUNKED, *lines, body=body)


REFUSED = {
    # CL.TE, TE.CL
    "length and chunks": post(b"Content-Length: 6", CHUNKED, body=b"0\r\n\r\n" + HIDDEN),
    "chunks and length": post(CHUNKED, b"Content-Length: 3", body=b"0\r\n\r\n" + HIDDEN),
    "chunks and length 0": post(CHUNKED, b"Content-Length: 0", body=b"0\r\n\r\n" + HIDDEN),
    # TE.TE
    "gzip, chunked": post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n" + HIDDEN),
    "chunked, gzip": post(b"Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n" + HIDDEN),
    "chunked, identity": post(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n" + HIDDEN),
    "identity": post(b"Transfer-Encoding: identity", b"Content-Length: 0", body=HIDDEN),
    "two codings": post(CHUNKED, b"Transfer-Encoding: x", body=b"0\r\n\r\n" + HIDDEN),
    "two codings the other way": post(b"Transfer-Encoding: x", CHUNKED, body=b"0\r\n\r\n" + HIDDEN),
    "chunked twice": post(CHUNKED, CHUNKED, body=b"0\r\n\r\n" + HIDDEN),
    "xchunked": post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + HIDDEN),
    "chunked in quotes": post(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n" + HIDDEN),
    "chunked after a vertical tab": post(
        b"Transfer-Encoding:\x0bchunked", body=b"0\r\n\r\n" + HIDDEN
    ),
    "chunked before a vertical tab": post(
        b"Transfer-Encoding: chunked\x0b", body=b"0\r\n\r\n" + HIDDEN
    ),
    "chunked with a parameter": post(b"Transfer-Encoding: chunked;a=b", body=b"0\r\n\r\n" + HIDDEN),
    "chunked with a trailing byte": post(
        b"Transfer-Encoding: chunked\xa0", body=b"0\r\n\r\n" + HIDDEN
    ),
    "chunked folded": post(b"Transfer-Encoding:", b" chunked", body=b"0\r\n\r\n" + HIDDEN),
    "a coding hidden behind a fold": post(b"X: y", b" Transfer-Encoding: chunked", body=HIDDEN),
    "blank before the colon": post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n" + HIDDEN),
    "tab before the colon": post(b"Content-Length\t: 5", body=b"hello" + HIDDEN),
    "NUL in the name": post(b"Transfer-Encoding\0: chunked", body=b"0\r\n\r\n" + HIDDEN),
    "chunks in HTTP/1.0": head(b"POST / HTTP/1.0", CHUNKED) + b"0\r\n\r\n" + HIDDEN,
    # Content-Length
    "two lengths": post(b"Content-Length: 0", b"Content-Length: 44", body=HIDDEN),
    "two equal lengths": post(b"Content-Length: 5", b"Content-Length: 5", body=b"hello" + HIDDEN),
    "a list of lengths": post(b"Content-Length: 5, 5", body=b"hello" + HIDDEN),
    "a length with a sign": post(b"Content-Length: +5", body=b"hello" + HIDDEN),
    "a negative length": post(b"Content-Length: -5", body=HIDDEN),
    "a length with a blank inside": post(b"Content-Length: 5 0", body=b"hello" + HIDDEN),
    "a length in hex": post(b"Content-Length: 0x5", body=b"hello" + HIDDEN),
    "a length with an underscore": post(b"Content-Length: 5_0", body=b"hello" + HIDDEN),
    "a length with a fraction": post(b"Content-Length: 5.0", body=b"hello" + HIDDEN),
    "a length with other digits": post("Content-Length: \u0665".encode(), body=b"hello" + HIDDEN),
    "a huge length": post(b"Content-Length: 18446744073709551621", body=b"hello" + HIDDEN),
    "an empty length": post(b"Content-Length:", body=b"hello" + HIDDEN),
    "a length folded": post(b"Content-Length:", b"\t5", body=b"hello" + HIDDEN),
    # Chunks
    "a size with a sign": chunked(b"+5\r\nhello\r\n0\r\n\r\n" + HIDDEN),
    "a size with 0x": chunked(b"0x5\r\nhello\r\n0\r\n\r\n" + HIDDEN),
    "a size with an underscore": chunked(b"0_5\r\nhello\r\n0\r\n\r\n" + HIDDEN),
    "a size after a blank": chunked(b" 5\r\nhello\r\n0\r\n\r\n" + HIDDEN),
    "a size that overflows": chunked(b"10000000000000005\r\nhello\r\n0\r\n\r\n" + HIDDEN),
    "a size with leading zeros without end": chunked(b"0" * 17 + b"5\r\nhello\r\n0\r\n\r\n"),
    "an empty size": chunked(b"\r\nhello\r\n0\r\n\r\n" + HIDDEN),
    "a size before a bare LF": chunked(b"5\nhello\r\n0\r\n\r\n" + HIDDEN),
    "a size before a bare CR": chunked(b"5\rhello\r\n0\r\n\r\n" + HIDDEN),
    "data before a bare LF": chunked(b"5\r\nhello\n0\r\n\r\n" + HIDDEN),
    "data with nothing after it": chunked(b"5\r\nhello0\r\n\r\n" + HIDDEN),
    "data that is too long": chunked(b"5\r\nhello!\r\n0\r\n\r\n" + HIDDEN),
    "an extension with a bare CR": chunked(b"5;a\rb\r\nhello\r\n0\r\n\r\n" + HIDDEN),
    "an extension with a bare LF": chunked(b"5;a\nb\r\nhello\r\n0\r\n\r\n" + HIDDEN),
    "an extension with an open quote": chunked(b'5;a="b\r\nhello\r\n0\r\n\r\n' + HIDDEN),
    "an extension without end": chunked(b"5;" + b"a" * 5000 + b"\r\nhello\r\n0\r\n\r\n"),
    "a last chunk before a bare LF": chunked(b"0\n\n" + HIDDEN),
    "a trailer before a bare LF": chunked(b"0\r\nX: y\n\r\n" + HIDDEN),
    "a trailer with a fold": chunked(b"0\r\nX: y\r\n z\r\n\r\n" + HIDDEN),
    "a request for a trailer": chunked(b"0\r\n" + HIDDEN),
    # Lines and fields
    "bare LF after the request line": b"GET / HTTP/1.1\nHost: a\r\n\r\n" + HIDDEN,
    "bare LF between fields": b"GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n" + HIDDEN,
    "bare LF at the head's end": b"GET / HTTP/1.1\r\nHost: a\r\n\n" + HIDDEN,
    "bare CR in a value": head(b"GET / HTTP/1.1", HOST, b"X: a\rTransfer-Encoding: chunked"),
    "bare CR at the head's end": b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n" + HIDDEN,
    "NUL in a value": head(b"GET / HTTP/1.1", HOST, b"X: a\0b") + HIDDEN,
    "an empty name": head(b"GET / HTTP/1.1", HOST, b": y") + HIDDEN,
    "no colon": head(b"GET / HTTP/1.1", HOST, b"X") + HIDDEN,
    "a fold ahead of all fields": b"GET / HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n" + HIDDEN,
    "two empty lines ahead": b"\r\n\r\n" + HIDDEN,
    # Request lines
    "HTTP/0.9": b"GET /hidden\r\n\r\n",
    "HTTP/1.9": head(b"GET /hidden HTTP/1.9", HOST),
    "HTTP/2's preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "two blanks": head(b"GET  /hidden HTTP/1.1", HOST),
    "a tab": head(b"GET\t/hidden HTTP/1.1", HOST),
    "a blank in the target": head(b"GET / /hidden HTTP/1.1", HOST),
    "a version in the target": head(b"GET / HTTP/1.1 HTTP/1.1", HOST),
    "a control in the target": head(b"GET /\x01 HTTP/1.1", HOST),
    "a fragment": head(b"GET /#/hidden HTTP/1.1", HOST),
    "no slash": head(b"GET hidden HTTP/1.1", HOST),
    "an authority as target": head(b"GET a:80 HTTP/1.1", HOST),
    "an at sign as target": head(b"GET @evil/ HTTP/1.1", HOST),
    "CONNECT": head(b"CONNECT evil:80 HTTP/1.1", HOST) + HIDDEN,
    "a star for GET": head(b"GET * HTTP/1.1", HOST),
    "a method in lower case": head(b"get / HTTP/1.1", HOST),
    "a method with a colon": head(b"GET: / HTTP/1.1", HOST),
    # Host
    "no host": head(b"GET / HTTP/1.1") + HIDDEN,
    "an empty host": head(b"GET / HTTP/1.1", b"Host:") + HIDDEN,
    "two hosts": head(b"GET / HTTP/1.1", HOST, b"Host: evil") + HIDDEN,
    "two hosts in one": head(b"GET / HTTP/1.1", b"Host: a, evil") + HIDDEN,
    "a host with a path": head(b"GET / HTTP/1.1", b"Host: a/evil") + HIDDEN,
    "a host with a user": head(b"GET / HTTP/1.1", b"Host: a@evil") + HIDDEN,
    "a host with a bad port": head(b"GET / HTTP/1.1", b"Host: a:80:80") + HIDDEN,
    "a target with a user": head(b"GET http://a@evil/ HTTP/1.1", HOST) + HIDDEN,
    # Other protocols
    "TLS": b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
    "SOCKS": b"\x05\x01\x00",
    "PROXY version 1": b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n" + HIDDEN,
    "PROXY version 2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12),
    "an expectation nobody knows": post(b"Expect: x", b"Content-Length: 0") + HIDDEN,
}

# (what is sent, request lines that the app must see, bodies of them)
FORWARDED = {
    "a body that looks like a request": (
        post(b"Content-Length: %d" % len(HIDDEN), body=HIDDEN),
        [POST],
        [HIDDEN],
    ),
    "a body on GET": (
        head(b"GET /sent HTTP/1.1", HOST, b"Content-Length: %d" % len(HIDDEN)) + HIDDEN,
        [b"GET /sent HTTP/1.1"],
        [HIDDEN],
    ),
    "a body on an upgrade": (
        head(
            b"GET /sent HTTP/1.1",
            HOST,
            b"Connection: Upgrade",
            b"Upgrade: websocket",
            b"Content-Length: %d" % len(HIDDEN),
        )
        + HIDDEN,
        [b"GET /sent HTTP/1.1"],
        [HIDDEN],
    ),
    "an upgrade to h2c": (
        head(
            b"GET /sent HTTP/1.1",
            HOST,
            b"Connection: Upgrade, HTTP2-Settings",
            b"Upgrade: h2c",
            b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        ),
        [b"GET /sent HTTP/1.1"],
        [b""],
    ),
    "framing fields named away": (
        post(b"Connection: Content-Length", b"Content-Length: %d" % len(HIDDEN), body=HIDDEN),
        [POST],
        [HIDDEN],
    ),
    "the coding named away": (
        chunked(b"1\r\nx\r\n0\r\n\r\n", b"Connection: Transfer-Encoding"),
        [POST],
        [b"1\r\nx\r\n0\r\n\r\n"],
    ),
    "twins with underscores": (
        post(b"Content_Length: 50", b"Transfer_Encoding: chunked", b"Content-Length: 0"),
        [POST],
        [b""],
    ),
    "chunked in capitals": (
        post(b"TRANSFER-ENCODING: \tCHUNKED ", body=b"0\r\n\r\n"),
        [POST],
        [b"0\r\n\r\n"],
    ),
    "an extension in quotes": (
        chunked(b'5;a="0\t;x"\r\nhello\r\n0\r\n\r\n'),
        [POST],
        [b"5\r\nhello\r\n0\r\n\r\n"],
    ),
    "trailers with framing fields": (
        chunked(b"0\r\nContent-Length: 50\r\nTransfer-Encoding: x\r\nHost: evil\r\n\r\n"),
        [POST],
        [b"0\r\n\r\n"],
    ),
    "absolute form at odds with the host": (
        head(b"GET http://other/sent HTTP/1.1", HOST),
        [b"GET /sent HTTP/1.1"],
        [b""],
    ),
    "an empty line between requests": (
        post(b"Content-Length: 0") + b"\r\n" + head(b"GET /sent HTTP/1.1", HOST),
        [POST, b"GET /sent HTTP/1.1"],
        [b"", b""],
    ),
    "a star": (head(b"OPTIONS * HTTP/1.1", HOST), [b"OPTIONS * HTTP/1.1"], [b""]),
    "a double slash": (
        head(b"GET //evil/ HTTP/1.1", HOST),
        [b"GET //evil/ HTTP/1.1"],
        [b""],
    ),
}


class Judge:
    """An app that answers every request with its own target, and remembers them."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._tasks: list[asyncio.Task[None]] = []
        self.seen: list[Message] = []

    async def accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(self._stage.app._listener)
            wire = Wire(sock)
            self._stage.app.accepted.append(wire)
            self._tasks.append(loop.create_task(self._serve(wire)))

    async def _serve(self, wire: Wire) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                message = await wire.message()
                self.seen.append(message)
                await wire.send(ok(message.line.split(b" ")[1]))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def judge(stage: Stage) -> AsyncIterator[Judge]:
    made = Judge(stage)
    made._tasks.append(asyncio.create_task(made.accept()))
    yield made
    await made.close()


async def another_visitor_is_well(stage: Stage, judge: Judge) -> None:
    before = len(judge.seen)
    for target in (b"/next/1", b"/next/2"):
        client = await stage.client()
        await client.get(target)
        assert (await client.answer()).body == target
    assert len(judge.seen) == before + 2


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_ambiguous_is_refused_and_the_connection_closed(
    stage: Stage, judge: Judge, name: str
) -> None:
    client = await stage.client()
    await client.send(REFUSED[name])
    answer = await client.answer()

    assert 400 <= answer.status < 506
    assert answer.status not in {502, 503, 504}
    assert answer.one(b"Connection") == b"close"
    assert await client.ended() == "closed"
    assert judge.seen == []
    await another_visitor_is_well(stage, judge)


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_ambiguous_is_refused_byte_by_byte(
    stage: Stage, judge: Judge, name: str
) -> None:
    client = await stage.client()
    for i in range(len(REFUSED[name])):
        if client.readable():
            break
        client.try_send(REFUSED[name][i : i + 1])
        await turns(2)
    answer = await client.answer()

    assert 400 <= answer.status < 506
    assert answer.status not in {502, 503, 504}
    assert await client.ended() == "closed"
    assert judge.seen == []
    await another_visitor_is_well(stage, judge)


@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize("name", ["length and chunks", "two hosts", "a size with a sign", "TLS"])
async def test_the_good_ones_before_a_bad_one_are_answered_and_none_after(
    stage: Stage, judge: Judge, name: str, place: str
) -> None:
    before = {"first": 0, "middle": 2, "last": 3}[place]
    good = [head(b"GET /%d HTTP/1.1" % number, HOST) for number in range(3)]
    client = await stage.client()
    await client.send(b"".join(good[:before]) + REFUSED[name] + b"".join(good[before:]))

    for number in range(before):
        assert (await client.answer()).body == b"/%d" % number
    assert (await client.answer()).status == 400
    assert await client.ended() == "closed"
    assert len(judge.seen) == before
    await another_visitor_is_well(stage, judge)


@pytest.mark.parametrize("name", FORWARDED)
async def test_what_is_plain_goes_on_as_what_it_is(stage: Stage, judge: Judge, name: str) -> None:
    data, lines, bodies = FORWARDED[name]
    client = await stage.client()
    await client.send(data + head(b"GET /after HTTP/1.1", HOST))
    for line in [*lines, b"GET /after HTTP/1.1"]:
        assert (await client.answer()).body == line.split(b" ")[1]

    assert [message.line for message in judge.seen] == [*lines, b"GET /after HTTP/1.1"]
    assert [message.body for message in judge.seen] == [*bodies, b""]
    for message in judge.seen:
        assert len(message.all(b"Host")) == 1
        assert not message.all(b"Upgrade")
    await another_visitor_is_well(stage, judge)
