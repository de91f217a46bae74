"""Requests that a flag holds: answered in the app's place, whole and readable."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.core.flags import Flag, FlagState, Identity, IdentitySource, Mode, Page, Scope
from gateway.core.paths import compile_path
from gateway.proxy.client.sender import DISCARD
from tests.support.proxy_stage import Stage
from tests.support.wire import RawApp, head, ok, turns

ON = FlagState(enabled=True)
OFF = FlagState(enabled=False)
SITE = Flag("site", ON, page=Page(retry_after=120))
SEARCH = Flag("search", ON, scope=Scope(paths=(compile_path("/search"),)))
COOKIE = Identity((IdentitySource("cookie", "uid"),))
ADA = Flag("reindex", FlagState(enabled=True, users=("ada",)), identity=COOKIE)


@pytest.fixture
async def held(start: Any) -> Stage:
    """The whole site is out of service."""
    made: Stage = await start(SITE)
    return made


async def test_a_refusal_is_503_and_says_until_when(held: Stage) -> None:
    client = await held.client()
    await client.get(b"/", b"Accept: text/html")
    answer = await client.answer()

    assert answer.line == b"HTTP/1.1 503 Service Unavailable"
    assert answer.one(b"Retry-After") == b"120"
    assert answer.one(b"Cache-Control") == b"no-store"
    assert answer.one(b"X-Maintenance") == b"site"
    assert answer.one(b"Date")
    assert answer.one(b"Connection") is None
    assert b"<html" in answer.body
    assert held.app.untouched()


async def test_each_is_answered_in_their_language_and_a_script_never_with_html(
    held: Stage,
) -> None:
    client = await held.client()
    await client.get(b"/", b"Accept: text/html", b"Accept-Language: de-AT, en;q=0.5")
    answer = await client.answer()
    assert answer.one(b"Content-Language") == b"de"
    assert answer.one(b"Vary") == b"Accept, Accept-Language, Sec-Fetch-Dest"
    assert b"Wartungsarbeiten" in answer.body

    await client.get(b"/app.js", b"Accept: text/html, */*", b"Sec-Fetch-Dest: script")
    answer = await client.answer()
    assert (answer.status, answer.one(b"Content-Type")) == (503, b"text/plain; charset=utf-8")

    await client.get(b"/api", b"Accept: */*", b"Sec-Fetch-Dest: empty")
    assert (await client.answer()).one(b"Content-Type") == b"application/problem+json"


async def test_a_websocket_is_refused_as_one_and_the_connection_goes_on(held: Stage) -> None:
    client = await held.client()
    await client.get(
        b"/live",
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )
    answer = await client.answer()
    assert (answer.status, answer.one(b"Retry-After")) == (503, b"120")
    assert answer.one(b"Upgrade") is None
    assert b"<" not in answer.body
    await client.get()
    assert (await client.answer()).status == 503


async def test_a_refused_head_has_the_gets_head_and_no_body(held: Stage) -> None:
    client = await held.client()
    await client.get()
    get = await client.answer()
    await client.send(head(b"HEAD / HTTP/1.1", b"Host: a.test"))

    assert (await client.answer(bodyless=True)).fields == get.fields
    await client.get()  # nothing came in between
    assert (await client.answer()).status == 503


async def test_an_old_client_is_refused_in_its_own_terms(held: Stage) -> None:
    client = await held.client()
    await client.send(head(b"GET / HTTP/1.0", b"Connection: keep-alive"))
    answer = await client.answer()
    assert answer.one(b"Connection") == b"keep-alive"
    assert answer.one(b"Transfer-Encoding") is None

    await client.send(head(b"GET / HTTP/1.0"))
    assert (await client.answer()).one(b"Connection") == b"close"
    assert await client.ended() == "closed"


async def test_a_client_that_wants_to_close_is_closed(held: Stage) -> None:
    client = await held.client()
    await client.get(b"/", b"Connection: close")

    assert (await client.answer()).one(b"Connection") == b"close"
    assert await client.ended() == "closed"


@pytest.mark.parametrize(
    ("line", "body"),
    [
        (b"Content-Length: 5", b"hello"),
        (b"Content-Length: %d" % DISCARD, bytes(DISCARD)),
        (b"Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("together", [True, False])
async def test_a_small_refused_upload_is_read_and_the_connection_kept(
    held: Stage,
    line: bytes,
    body: bytes,
    together: bool,  # noqa: FBT001 a parameter
) -> None:
    client = await held.client()
    start = head(b"POST / HTTP/1.1", b"Host: a", line)
    if together:
        await client.send(start + body)
    else:
        await client.send(start)
        answer = await client.answer()
        await client.send(body[:3])
        await turns()
        await client.send(body[3:])
    answer = await client.answer() if together else answer
    assert (answer.status, answer.one(b"Connection")) == (503, None)

    await client.get()
    assert (await client.answer()).status == 503
    assert client.silent()


@pytest.mark.parametrize("line", [b"Content-Length: 50000000", b"Transfer-Encoding: chunked"])
async def test_a_large_refused_upload_is_answered_so_that_it_can_be_read(
    held: Stage, line: bytes
) -> None:
    """By a client that sends everything before it reads: no reset eats the answer."""
    client = await held.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", line) + b"2625a00\r\n")
    for _ in range(100):
        await client.send(bytes(400_000))
    answer = await client.answer()

    assert answer.status == 503
    assert answer.one(b"Connection") == (b"close" if b"Length" in line else None)
    assert await client.ended() == "closed"
    client.half_close()
    await held.until(lambda: not held.plane.clients, "the line has ended")


async def test_a_large_upload_that_goes_on_for_ever_is_cut(held: Stage) -> None:
    client = await held.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 500000000"))
    for _ in range(3):
        await client.send(bytes(100_000))
        await held.after(4.9)
    (connection,) = held.plane.clients
    connection._last = held.plane.time() + 1  # it has gone on for nearly all of its time
    await client.send(bytes(100_000))
    await held.after(1.1)
    assert not held.plane.clients


async def test_an_expected_upload_is_refused_without_100(held: Stage) -> None:
    client = await held.client()
    await client.send(
        head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 5", b"Expect: 100-continue")
    )
    answer = await client.answer()

    assert (answer.status, answer.one(b"Connection")) == (503, b"close")
    assert await client.ended() == "closed"


async def test_a_refused_upload_with_broken_chunks_has_one_answer(held: Stage) -> None:
    for together in (True, False):
        client = await held.client()
        start = head(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked")
        if together:
            await client.send(start + b"xyz\r\n")
        else:
            await client.send(start)
            await turns()
            await client.send(b"xyz\r\n")
        assert (await client.answer()).status == 503
        assert await client.ended() == "closed"


async def test_a_refused_upload_that_stalls_is_let_go(held: Stage) -> None:
    client = await held.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 5") + b"h")
    assert (await client.answer()).status == 503
    await held.after(29)
    assert client.silent()
    await held.after(30.1)

    assert await client.ended() == "closed"


async def test_a_refused_upload_is_not_the_next_request(held: Stage) -> None:
    hidden = head(b"GET /hidden HTTP/1.1", b"Host: a")
    client = await held.client()
    await client.send(
        head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: %d" % len(hidden)) + hidden
    )

    assert (await client.answer()).status == 503
    await turns()
    assert client.silent()


# Who is held


async def test_only_the_scope_is_held(start: Any) -> None:
    stage = await start(SEARCH)
    client = await stage.client()
    await client.get(b"/searching")
    app, _ = await stage.app.serve()
    await app.send(ok())
    assert (await client.answer()).status == 200
    for target in (b"/search", b"//search", b"/%73earch", b"/x/../search", b"http://b/search"):
        await client.get(target)
        assert (await client.answer()).status == 503
    assert app.silent()


@pytest.mark.parametrize(
    "lines",
    [
        [b"Cookie: uid=ada"],
        [b"Cookie: a=b", b"Cookie: uid=ada"],
        [b"Cookie: uid=bob; uid=ada"],
        [b"Cookie: uid=ada; uid=bob"],
        [b'Cookie: uid="ada"'],
        [b"Cookie: uid=%61da"],
        [b"cookie:a=b;uid=ada \t"],
        [b"Cookie: uid=bob", b"COOKIE: uid=ada"],
        [b"Connection: Cookie", b"Cookie: uid=ada"],
    ],
)
async def test_every_cookie_line_counts(start: Any, lines: list[bytes]) -> None:
    stage = await start(ADA)
    client = await stage.client()
    await client.get(b"/", *lines)
    assert (await client.answer()).status == 503

    await client.get(b"/", b"Cookie: uid=bob")
    await stage.app.serve()


async def test_other_fields_do_not_move_a_request_out_of_scope(start: Any) -> None:
    stage = await start(SEARCH)
    client = await stage.client()
    for lines in ([b"X-Original-URL: /other"], [b"X-Rewrite-URL: /other"]):
        await client.get(b"/search", *lines)
        assert (await client.answer()).status == 503
    for lines in ([b"X-Original-URL: /search"], [b"X-Rewrite-URL: /search "]):
        await client.get(b"/other", *lines)
        assert (await client.answer()).status == 503


async def test_a_read_only_flag_lets_reads_through_and_no_disguised_write(start: Any) -> None:
    stage = await start(Flag("writes", FlagState(enabled=True, mode=Mode.READ_ONLY)))
    client = await stage.client()
    for lines in (
        [b"POST / HTTP/1.1", b"Host: a"],
        [b"GET / HTTP/1.1", b"Host: a", b"X-HTTP-Method-Override: DELETE"],
        [b"POST / HTTP/1.1", b"Host: a", b"X-HTTP-Method-Override: GET"],
    ):
        await client.send(head(*lines))
        assert (await client.answer()).status == 503
    await client.get()
    await stage.app.serve()


# When


async def test_a_decision_is_made_for_each_request(start: Any) -> None:
    stage = await start(replace(SITE, state=OFF))
    client = await stage.client()
    await client.get()
    app, _ = await stage.app.serve()
    stage.live.hold(SITE)
    await app.send(ok())
    assert (await client.answer()).status == 200  # let through before, and finished
    await client.get()
    assert (await client.answer()).status == 503
    stage.live.hold(replace(SITE, state=OFF))
    await client.get()
    await app.message()


async def test_one_request_sees_one_snapshot(start: Any) -> None:
    stage = await start(replace(SITE, state=OFF))
    client = await stage.client()
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 5") + b"he")
    app = await stage.app.accept()
    await app.until(b"he")
    stage.live.hold(SITE)
    await client.send(b"llo")
    assert await app.exactly(3) == b"llo"
    await app.send(ok())

    assert (await client.answer()).status == 200
    assert [exchange.revision for exchange in stage.plane.in_flight._exchanges] == []


async def test_an_exchange_knows_the_revision_it_was_admitted_by(start: Any) -> None:
    stage = await start(replace(SITE, state=OFF))
    for revision in (1, 2):
        client = await stage.client()
        await client.get()
        await stage.app.serve()
        assert max(one.revision for one in stage.plane.in_flight._exchanges) == revision
        stage.live.hold(replace(SITE, state=OFF))
    assert await stage.plane.in_flight.concerned(stage.live.snapshot.rules[:1]) == (2,)


PROGRAMS = Page(json=(compile_path("/api"),))


async def test_programs_get_the_document_at_their_paths_whatever_they_accept(start: Any) -> None:
    stage: Stage = await start(SITE, page=PROGRAMS)
    client = await stage.client()
    for target, form in ((b"/api/x", b"application/problem+json"), (b"/x", b"text/html")):
        await client.get(target, b"Accept: text/html")
        answer = await client.answer()
        assert answer.status == 503
        assert (answer.one(b"Content-Type") or b"").startswith(form)


async def test_programs_get_the_document_when_the_app_is_away_as_well(
    start: Any, caplog: pytest.LogCaptureFixture
) -> None:
    stage: Stage = await start(app=RawApp(up=False), page=PROGRAMS)
    client = await stage.client()
    await client.get(b"/api/x", b"Accept: text/html")
    answer = await client.answer()
    assert (answer.status, answer.one(b"Content-Type")) == (502, b"application/problem+json")
    caplog.clear()
