"""Requests go to the app and answers come back, byte for byte but for what ends at a hop."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from tests.support.proxy_stage import Stage
from tests.support.wire import head, ok

CHUNKS = b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"


async def test_request_and_answer_pass_through(stage: Stage) -> None:
    client = await stage.client()
    await client.get(b"/%zz?b=c?", b"Accept: x/y", b"Cookie: a=1", b"cookie: b=2")

    app, request = await stage.app.serve()
    await app.send(ok(b"hello", b"Set-Cookie: a", b"Date: x", b"Set-Cookie: b", b"Server: y"))
    answer = await client.answer()

    assert request.head == head(
        b"GET /%zz?b=c? HTTP/1.1",
        b"Host: a.test",
        b"Accept: x/y",
        b"Cookie: a=1",
        b"cookie: b=2",
        b"X-Forwarded-For: 127.0.0.1",
        b"X-Forwarded-Proto: http",
        b"X-Forwarded-Host: a.test",
    )
    assert answer.head == head(
        b"HTTP/1.1 200 OK",
        b"Content-Length: 5",
        b"Set-Cookie: a",
        b"Date: x",
        b"Set-Cookie: b",
        b"Server: y",
    )
    assert answer.body == b"hello"


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        ([], b""),
        ([b"Content-Length: 0"], b""),
        ([b"Content-Length: 5"], b"hello"),
        ([b"Transfer-Encoding: chunked"], CHUNKS),
    ],
)
async def test_a_request_body_keeps_its_framing(
    stage: Stage, lines: list[bytes], body: bytes
) -> None:
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", *lines) + body)

    _, request = await stage.app.serve()

    framing = [line for line in request.head.split(b"\r\n") if line in lines]
    assert (framing, request.body) == (lines, body)


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        ([b"Content-Length: 0"], b""),
        ([b"Content-Length: 5"], b"hello"),
        ([b"Transfer-Encoding: chunked"], CHUNKS),
        ([b"Content-Encoding: gzip", b"Content-Length: 4"], b"\x1f\x8b\x08\x00"),
    ],
)
async def test_an_answer_keeps_its_framing_and_the_connections_are_kept(
    stage: Stage, lines: list[bytes], body: bytes
) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK", *lines) + body)
    answer = await client.answer()

    assert answer.head == head(b"HTTP/1.1 200 OK", *lines)
    assert answer.body == body

    await client.get(b"/second")
    assert (await app.message()).line == b"GET /second HTTP/1.1"


async def test_chunks_lose_extensions_and_trailers_both_ways(stage: Stage) -> None:
    odd = b"5;ext=1\r\nhello\r\n0;last\r\nX-Trailer: 1\r\n\r\n"
    client = await stage.client()
    await client.send(
        head(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked", b"Trailer: X") + odd
    )
    app, request = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked", b"Trailer: X") + odd)
    answer = await client.answer()

    for message in (request, answer):
        assert message.body == b"5\r\nhello\r\n0\r\n\r\n"
        assert message.one(b"Trailer") is None


async def test_an_answer_that_ends_with_the_connection_ends_the_clients(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK") + b"hel")
    assert await client.until(b"hel") == head(b"HTTP/1.1 200 OK", b"Connection: close") + b"hel"
    await app.send(b"lo")
    app.close()

    assert await client.rest() == b"lo"


@pytest.mark.parametrize(
    ("method", "status", "lines"),
    [
        (b"HEAD", 200, [b"Content-Length: 500"]),
        (b"HEAD", 200, [b"Transfer-Encoding: chunked"]),
        (b"HEAD", 200, []),
        (b"GET", 204, []),
        (b"GET", 304, [b"Content-Length: 500", b"ETag: x"]),
    ],
)
async def test_answers_without_a_body_carry_none(
    stage: Stage, method: bytes, status: int, lines: list[bytes]
) -> None:
    client = await stage.client()
    await client.ask(method + b" / HTTP/1.1\r\nHost: a")
    app, _ = await stage.app.serve()
    sent = head(b"HTTP/1.1 %d x" % status, *lines)
    await app.send(sent)

    assert (await client.answer(bodyless=True)).head == sent

    await client.get()  # both connections go on
    await app.message()
    await app.send(ok())
    assert (await client.answer()).body == b"hello"


async def test_redirects_are_not_followed_and_errors_not_replaced(stage: Stage) -> None:
    client = await stage.client()
    for status, location in ((302, b"Location: http://127.0.0.1/x"), (500, b"X: y")):
        await client.get()
        app = stage.app.accepted[0] if stage.app.accepted else await stage.app.accept()
        await app.message()
        sent = head(b"HTTP/1.1 %d x" % status, location, b"Content-Length: 0")
        await app.send(sent)

        assert (await client.answer()).head == sent


async def test_hop_by_hop_fields_end_at_the_hop(stage: Stage) -> None:
    client = await stage.client()
    await client.get(
        b"/", b"Connection: keep-alive, X-Hop", b"X-Hop: 1", b"Keep-Alive: 5", b"TE: trailers, gzip"
    )
    app, request = await stage.app.serve()
    await app.send(ok(b"", b"Connection: keep-alive, X-Hop", b"X-Hop: 1", b"Keep-Alive: timeout=5"))

    assert [name for name, _ in request.fields][1:2] == [b"TE"]
    assert request.one(b"TE") == b"trailers"
    assert (await client.answer()).head == head(b"HTTP/1.1 200 OK", b"Content-Length: 0")


async def test_the_gateways_own_field_names_never_reach_the_app(stage: Stage) -> None:
    client = await stage.client()
    await client.get(b"/", b"X-Maintenance: site", b"X_Maintenance_Bypass: x", b"X-Ok: 1")
    _, request = await stage.app.serve()

    assert b"aintenance" not in request.head
    assert request.one(b"X-Ok") == b"1"


async def test_an_old_client_is_told_in_its_own_terms(stage: Stage) -> None:
    client = await stage.client()
    await client.send(head(b"GET / HTTP/1.0", b"Connection: keep-alive"))
    app, request = await stage.app.serve()
    await app.send(ok())
    answer = await client.answer()

    assert request.line == b"GET / HTTP/1.1"
    assert request.one(b"Host") == b"127.0.0.1:%d" % stage.app.port
    assert answer.one(b"Connection") == b"keep-alive"

    await client.send(head(b"GET / HTTP/1.0"))
    await app.message()
    await app.send(ok())
    assert (await client.answer()).one(b"Connection") == b"close"
    assert await client.ended() == "closed"


async def test_an_old_client_gets_chunks_decoded_and_an_end(stage: Stage) -> None:
    client = await stage.client()
    await client.send(head(b"GET / HTTP/1.0", b"Connection: keep-alive"))
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 100 Continue"))
    await app.send(head(b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked") + CHUNKS)

    assert await client.rest() == head(b"HTTP/1.1 200 OK", b"Connection: close") + b"hello!"


async def test_absolute_form_does_not_choose_the_app(stage: Stage) -> None:
    client = await stage.client()
    await client.send(head(b"GET http://b.test:1/x?y HTTP/1.1", b"Host: a.test"))
    _, request = await stage.app.serve()

    assert request.line == b"GET /x?y HTTP/1.1"
    assert request.one(b"Host") == b"b.test:1"
    assert request.one(b"X-Forwarded-Host") == b"b.test:1"


async def test_a_trusted_proxys_word_is_passed_on(start: Any) -> None:
    stage = await start(trusted_proxies=(ip_network("127.0.0.0/8"),))
    client = await stage.client()
    await client.get(b"/", b"X-Forwarded-For: 192.0.2.1", b"X-Forwarded-Proto: https")
    _, request = await stage.app.serve()

    assert request.one(b"X-Forwarded-For") == b"192.0.2.1, 127.0.0.1"
    assert request.one(b"X-Forwarded-Proto") == b"https"
    assert request.one(b"X-Forwarded-Host") == b"a.test"


async def test_a_strangers_word_is_replaced(stage: Stage) -> None:
    client = await stage.client()
    await client.get(
        b"/",
        b"X-Forwarded-For: 10.0.0.1",
        b"X_Forwarded_For: 10.0.0.1",
        b"Forwarded: for=10.0.0.1",
        b"X-Forwarded-Proto: https",
        b"X-Forwarded-Email: root@a.test",
    )
    _, request = await stage.app.serve()

    assert b"10.0.0.1" not in request.head
    assert b"root" not in request.head
    assert request.one(b"X-Forwarded-For") == b"127.0.0.1"
    assert request.one(b"X-Forwarded-Proto") == b"http"


# 1xx


async def test_the_apps_100_is_relayed_and_then_the_upload(stage: Stage) -> None:
    client = await stage.client()
    await client.send(
        head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 5", b"Expect: 100-continue")
    )
    app = await stage.app.accept()
    sent = await app.until(b"\r\n\r\n")
    await app.send(head(b"HTTP/1.1 100 Continue"))
    assert await client.until(b"\r\n\r\n") == head(b"HTTP/1.1 100 Continue")
    await client.send(b"hello")
    assert await app.exactly(5) == b"hello"
    await app.send(ok(b"done"))

    assert b"\r\nExpect: 100-continue\r\n" in sent
    assert (await client.answer()).body == b"done"


async def test_early_hints_are_relayed_and_never_taken_for_the_answer(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    hints = head(b"HTTP/1.1 103 Early Hints", b"Link: </a>; rel=preload")
    await app.send(hints + hints + ok()[:20])
    assert await client.exactly(2 * len(hints)) == hints + hints
    await app.send(ok()[20:])

    assert (await client.answer()).body == b"hello"


async def test_an_app_that_refuses_an_expected_upload_is_heard_at_once(stage: Stage) -> None:
    client = await stage.client()
    await client.send(
        head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 5", b"Expect: 100-continue")
    )
    app = await stage.app.accept()
    await app.until(b"\r\n\r\n")
    await app.send(head(b"HTTP/1.1 413 x", b"Content-Length: 0"))
    answer = await client.answer()

    assert (answer.status, answer.one(b"Connection")) == (413, b"close")
    assert await client.ended() == "closed"


async def test_a_flood_of_informational_answers_is_502(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 102 x") * 33)
    while (answer := await client.answer()).status == 102:
        pass

    assert answer.status == 502
