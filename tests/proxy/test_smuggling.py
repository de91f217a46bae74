"""Requests made so that two readers differ: each is refused, or goes on as what it plainly is.

The judge is an app that forgives nothing: it must never see another request than was sent, nor
one that its bytes do not spell out, and the next visitor must never get another answer than
their own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.support import smuggling_answers
from tests.support.blind_relay import BlindRelay
from tests.support.hearing import hearing
from tests.support.proxy_stage import Stage
from tests.support.smuggling_requests import FAMILIES
from tests.support.smuggling_vectors import CHUNKED, HOST, LAST, Vector, get, post
from tests.support.strict_app import StrictApp
from tests.support.verdict import (
    Connect,
    Send,
    at_once,
    byte_by_byte,
    complaints_of_next,
    cut_at,
    verdict,
)
from tests.support.wire import RawClient, head

LONG = 1000  # bytes; what is longer is not sent byte by byte

FEW = {
    "framing at odds": ("chunks, then length",),
    "hosts": ("two", "b'a:' as it is"),
    "lines": ("a fold", "0x00 in a value", "an empty line ahead"),
    "chunks": ("extensions of every plain kind",),
}
CUT = [each for family in FEW for each in FAMILIES[family] if each.name in FEW[family]]
BAD = [
    Vector("length and chunks", post(b"Content-Length: 5", CHUNKED, body=LAST)),
    Vector("two hosts", get(b"Host: evil")),
    Vector("a size with a sign", post(CHUNKED, body=b"+5\r\nhello\r\n" + LAST)),
    Vector("TLS", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00"),
]


@pytest.fixture
async def judge(stage: Stage) -> AsyncIterator[StrictApp]:
    made = StrictApp(stage.app)
    made.start()
    yield made
    await made.close()


async def judged(
    vectors: list[Vector], judge: StrictApp, connect: Connect, send: Send = at_once
) -> list[str]:
    complaints = []
    for vector in vectors:
        complaints += await verdict(vector, judge, connect, send)
    return complaints


def test_there_are_many_vectors_and_no_two_of_one_name() -> None:
    assert sum(map(len, FAMILIES.values())) >= 500
    assert len(CUT) == 7
    for family in FAMILIES.values():
        assert len({vector.name for vector in family}) == len(family)


@pytest.mark.parametrize("family", FAMILIES)
async def test_what_is_ambiguous_is_refused_and_what_is_plain_goes_on(
    stage: Stage, judge: StrictApp, family: str
) -> None:
    assert await judged(FAMILIES[family], judge, stage.client) == []


@pytest.mark.parametrize("family", FAMILIES)
async def test_it_is_the_same_byte_by_byte(stage: Stage, judge: StrictApp, family: str) -> None:
    short = [vector for vector in FAMILIES[family] if len(vector.data) < LONG]
    assert await judged(short, judge, stage.client, byte_by_byte) == []


@pytest.mark.parametrize("vector", CUT, ids=lambda vector: vector.name)
async def test_it_is_the_same_cut_at_any_byte(
    stage: Stage, judge: StrictApp, vector: Vector
) -> None:
    for place in range(1, len(vector.data)):
        assert await verdict(vector, judge, stage.client, cut_at(place)) == []


@pytest.mark.parametrize("before", range(4))
@pytest.mark.parametrize("bad", BAD, ids=lambda vector: vector.name)
async def test_the_good_ones_before_a_bad_one_are_answered_and_none_after(
    stage: Stage, judge: StrictApp, bad: Vector, before: int
) -> None:
    good = [b"GET /%d HTTP/1.1" % number for number in range(3)]
    heads = [head(line, HOST) for line in good]
    data = b"".join(heads[:before]) + bad.data + b"".join(heads[before:])
    vector = replace(bad, data=data, seen=tuple((line, b"") for line in good[:before]))

    assert await judged([vector], judge, stage.client) == []


# The judge itself


async def and_no_more(client: RawClient, data: bytes) -> None:
    await client.send(data)
    client.half_close()


@pytest.fixture
async def relay(judge: StrictApp, stage: Stage) -> AsyncIterator[BlindRelay]:
    made = BlindRelay(stage.app.port)
    yield made
    await made.close()


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_proxy_that_refuses_nothing_is_found_out_by_every_vector(
    judge: StrictApp, relay: BlindRelay, family: str
) -> None:
    for vector in FAMILIES[family]:
        if vector.status is not None and len(vector.data) < LONG:
            assert await verdict(vector, judge, relay.client, and_no_more) != []


@pytest.mark.parametrize("family", ["too many", "framing", "lines"])
async def test_a_proxy_that_trusts_its_app_is_found_out_by_every_answer(
    judge: StrictApp, relay: BlindRelay, family: str
) -> None:
    for spoken in smuggling_answers.FAMILIES[family]:
        if spoken.status == 502:
            assert await hearing(spoken, judge, relay.client) != []


async def test_a_plain_request_gives_no_cause_for_complaint(
    judge: StrictApp, relay: BlindRelay
) -> None:
    assert await complaints_of_next(judge, relay.client) == []
    assert judge.complaints == []
