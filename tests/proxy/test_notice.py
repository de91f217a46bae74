"""Requests that a notice applies to: the app is told, and pages get a banner and a style sheet."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from gateway.core.flags import Flag, FlagState, Mode, Notice, Scope
from gateway.core.paths import compile_path
from gateway.core.windows import Occurrence, Window
from tests.support.proxy_stage import Stage
from tests.support.wire import Message, Wire, head, ok, turns

ON = FlagState(enabled=True, mode=Mode.NOTICE)
SOON = Flag(
    "soon",
    ON,
    notice=Notice("Search is <slow> & being rebuilt.\nBack at 12 — sorry", ("#q", ".x > a")),
)
SEARCH = Flag(
    "search", ON, scope=Scope(paths=(compile_path("/search"),)), notice=Notice(hide=("form",))
)
TOLD = Flag("told", ON)
HTML = b"Content-Type: text/html; charset=utf-8"
PAGE = b"<!doctype html><html><head><title>x</title></head><body class=a>\n<p>hi</p></body></html>"
LINK = re.compile(
    rb'<link rel="stylesheet" href="(/-/maintenance/notice/[a-z]+-[0-9a-f]{16}\.css)">'
)
BANNER = (
    b'<div class="maintenance-notice" role="status" dir="auto" data-maintenance="soon">'
    b"Search is &lt;slow&gt; &amp; being rebuilt.\nBack at 12 &#8212; sorry</div>"
)


@pytest.fixture
async def stage(start: Any) -> Stage:
    made: Stage = await start(SOON)
    return made


async def ask(
    stage: Stage, answer: bytes, *lines: bytes, target: bytes = b"/"
) -> tuple[Message, Message]:
    """The request as the app got it, and its answer as the client got that."""
    client = await stage.client()
    await client.get(target, *lines)
    wire = stage.app.accepted[-1] if stage.app.accepted else await stage.app.accept()
    request = await wire.message()
    await wire.send(answer)
    return request, await client.answer()


def bare(page: bytes) -> bytes:
    """A page without what the gateway put in; it did so once and in one place."""
    assert page.count(BANNER) == 1
    without, count = re.subn(LINK.pattern + re.escape(BANNER), b"", page)
    assert count == 1
    return without


async def test_page_gets_link_and_banner_and_nothing_else_changes(stage: Stage) -> None:
    _, answer = await ask(stage, ok(PAGE, HTML, b"Set-Cookie: a=b", b"X-Odd:  kept "))

    assert bare(answer.body) == PAGE
    assert answer.body.startswith(PAGE[: PAGE.index(b"\n")] + b"<link")
    assert answer.one(b"Content-Length") == b"%d" % len(answer.body)
    assert answer.one(b"Set-Cookie") == b"a=b"
    assert b"\r\nX-Odd:  kept \r\n" in answer.head
    assert answer.one(b"Cache-Control") == b"private, no-cache"
    assert answer.one(b"X-Maintenance-Notice") == b"soon"


async def test_app_is_told_which_flags_apply_and_by_nobody_else(start: Any) -> None:
    stage = await start(SOON, SEARCH, TOLD)
    forged = (b"X-Maintenance-Notice: me", b"x_maintenance_notice: me", b"X-Maintenance: me")
    request, _ = await ask(stage, ok(), *forged, target=b"/search?q=1")
    other, _ = await ask(stage, ok(), target=b"/")

    assert request.all(b"X-Maintenance-Notice") == [b"soon, search, told"]
    assert other.all(b"X-Maintenance-Notice") == [b"soon, told"]
    assert b"me" not in request.head.split(b"Host")[1]


async def test_app_alone_is_told_where_a_notice_shows_nothing(start: Any) -> None:
    stage = await start(TOLD)
    page = ok(PAGE, HTML, b'ETag: "1"')
    request, answer = await ask(stage, page, b"Accept: text/html", b"Accept-Encoding: gzip")

    assert request.one(b"X-Maintenance-Notice") == b"told"
    assert request.one(b"Accept-Encoding") == b"gzip"
    assert answer.head + answer.body == page


async def test_page_is_asked_for_plain_and_whole(stage: Stage) -> None:
    conditions = (
        b'If-None-Match: "1"',
        b"If-Modified-Since: x",
        b"Range: bytes=0-1",
        b"If-Range: x",
    )
    compressed = b"Accept-Encoding: gzip, br"
    page, _ = await ask(
        stage, ok(), b"Accept: text/html,*/*;q=0.8", *conditions, compressed, b"A: b"
    )
    script, _ = await ask(stage, ok(), b"Accept: */*", *conditions, compressed)

    assert page.one(b"Accept-Encoding") == b"identity"
    assert {b"If-None-Match", b"If-Modified-Since", b"Range", b"If-Range"}.isdisjoint(
        name for name, _ in page.fields
    )
    assert page.one(b"A") == b"b"
    assert script.one(b"Accept-Encoding") == b"gzip, br"
    assert script.one(b"Range") == b"bytes=0-1"


async def test_what_was_true_of_the_app_s_page_alone_is_left_away(stage: Stage) -> None:
    lines = (
        b'ETag: "1"', b"Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT", b"Accept-Ranges: bytes",
        b"Content-MD5: x", b"Digest: x", b"Repr-Digest: x", b"Content-Digest: x",
        b"Cache-Control: public", b"cache-control: max-age=9", b"Expires: 0", b"Pragma: x",
        b"CDN-Cache-Control: max-age=9", b"Cloudflare-CDN-Cache-Control: max-age=9",
        b"Surrogate-Control: max-age=9",
    )  # fmt: skip
    _, answer = await ask(stage, ok(PAGE, HTML, *lines, b"Vary: Cookie"))

    assert [name for name, _ in answer.fields] == [
        b"Content-Type", b"Vary", b"Cache-Control", b"X-Maintenance-Notice", b"Content-Length",
    ]  # fmt: skip
    assert answer.one(b"Cache-Control") == b"private, no-cache"


async def test_page_that_may_not_be_stored_stays_one(stage: Stage) -> None:
    _, answer = await ask(stage, ok(PAGE, HTML, b"Cache-Control: max-age=0, No-Store"))

    assert answer.one(b"Cache-Control") == b"no-store"


@pytest.mark.parametrize(
    ("status", "lines", "outcome"),
    [
        (b"200 OK", [b"Content-Type: application/json"], None),
        (b"200 OK", [b"Content-Type: application/xhtml+xml"], None),
        (b"200 OK", [], None),
        (b"200 OK", [HTML, b"Content-Type: text/plain"], None),
        (b"206 Partial Content", [HTML, b"Content-Range: bytes 0-9/99"], None),
        (b"200 OK", [HTML, b"Content-Range: bytes 0-9/99"], None),
        (b"302 Found", [HTML, b"Location: /x"], None),
        (b"200 OK", [HTML, b"Content-Disposition: Attachment; filename=a.html"], None),
        (b"200 OK", [HTML, b"Content-Encoding: gzip"], "encoded"),
        (b"200 OK", [HTML, b"Content-Encoding: identity", b"Content-Encoding: br"], "encoded"),
        (b"200 OK", [HTML, b"Cache-Control: No-Transform"], "no_transform"),
        (b"200 OK", [b"Content-Type: text/html;charset=utf-16le"], "charset"),
        (b"200 OK", [b'Content-Type: Text/HTML; a=b; Charset="ISO-2022-JP"'], "charset"),
        (b"200 OK", [b"Content-Type: text/html;charset=cp037"], "charset"),
    ],
)
async def test_other_answers_keep_every_byte(
    stage: Stage, status: bytes, lines: list[bytes], outcome: str | None
) -> None:
    page = ok(PAGE, *lines, b'ETag: "1"').replace(b"200 OK", status, 1)
    _, answer = await ask(stage, page)

    assert answer.head + answer.body == page
    assert stage.tally.notices == ({outcome: 1} if outcome else {})


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b"<p>a piece</p>", "no_document"),
        (b"<html><frameset>", "no_body"),
        (b"<html><head>", "no_body"),
        (b"", "no_body"),
    ],
)
async def test_pieces_and_pages_without_a_body_keep_every_byte(
    stage: Stage, body: bytes, outcome: str
) -> None:
    page = ok(body, HTML, b'ETag: "1"')
    _, answer = await ask(stage, page)

    assert answer.head + answer.body == page
    assert stage.tally.notices == {outcome: 1}


@pytest.mark.parametrize("status", [b"201 Created", b"404 Not Found", b"500 Oh"])
@pytest.mark.parametrize(
    "kind", [b"text/html", b"TEXT/HTML ;Charset=Shift_JIS", b'text/html; charset="gb2312"']
)
async def test_any_page_that_is_shown_gets_it(stage: Stage, status: bytes, kind: bytes) -> None:
    page = ok(PAGE, b"Content-Type: " + kind).replace(b"200 OK", status, 1)
    _, answer = await ask(stage, page)

    assert answer.line == b"HTTP/1.1 " + status
    assert bare(answer.body) == PAGE


async def test_head_has_the_fields_of_a_get_but_no_length(stage: Stage) -> None:
    client = await stage.client()
    await client.send(head(b"HEAD / HTTP/1.1", b"Host: a.test"))
    wire, _ = await stage.app.serve()
    await wire.send(head(b"HTTP/1.1 200 OK", HTML, b"Content-Length: 99", b'ETag: "1"'))
    answer = await client.answer(bodyless=True)

    assert [name for name, _ in answer.fields] == [
        b"Content-Type", b"Cache-Control", b"X-Maintenance-Notice",
    ]  # fmt: skip
    await client.get()
    await wire.message()
    await wire.send(ok(PAGE, HTML))
    assert bare((await client.answer()).body) == PAGE


async def test_not_modified_is_left_as_it_is(stage: Stage) -> None:
    client = await stage.client()
    await client.get(b"/", b'If-None-Match: "1"')
    wire, _ = await stage.app.serve()
    answer = head(b"HTTP/1.1 304 Not Modified", HTML, b'ETag: "1"')
    await wire.send(answer)

    assert (await client.answer(bodyless=True)).head == answer


async def test_old_client_gets_the_app_s_page(stage: Stage) -> None:
    client = await stage.client()
    await client.send(head(b"GET / HTTP/1.0"))
    wire, _ = await stage.app.serve()
    await wire.send(ok(PAGE, HTML))

    assert (await client.rest()).endswith(b"\r\n\r\n" + PAGE)
    assert stage.tally.notices == {"http_1_0": 1}


def unchunked(body: bytes) -> bytes:
    payload = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        payload, body = payload + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return payload


def pieces(page: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *cuts, len(page)]
    return [page[a:b] for a, b in pairwise(edges)]


async def trickle(wire: Wire, parts: list[bytes]) -> None:
    for part in parts:
        await wire.send(part)
        await turns()


CUTS = [[30], [60, 62], [63, 64], list(range(1, len(PAGE), 7))]


@pytest.mark.parametrize("cuts", CUTS)
async def test_page_that_comes_in_pieces_goes_out_in_chunks(stage: Stage, cuts: list[int]) -> None:
    client = await stage.client()
    await client.get()
    wire, _ = await stage.app.serve()
    await wire.send(ok(PAGE, HTML)[: -len(PAGE)])
    opening = await client.until(b"\r\n\r\n")
    await trickle(wire, pieces(PAGE, cuts))
    client.buffer = opening + client.buffer
    answer = await client.answer()

    assert answer.one(b"Content-Length") is None
    assert bare(unchunked(answer.body)) == PAGE
    await client.get()
    await wire.message()


@pytest.mark.parametrize("cuts", [[], *CUTS])
async def test_chunks_stay_chunks(stage: Stage, cuts: list[int]) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in pieces(PAGE, cuts) if part)
    opening = head(b"HTTP/1.1 200 OK", HTML, b"Transfer-Encoding: chunked", b'ETag: "1"')
    _, answer = await ask(stage, opening + chunks + b"0\r\n\r\n")

    assert answer.one(b"ETag") is None
    assert bare(unchunked(answer.body)) == PAGE


async def test_page_that_ends_with_its_connection_still_does(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    wire, _ = await stage.app.serve()
    await wire.send(head(b"HTTP/1.1 200 OK", HTML) + PAGE[:30])
    await client.until(b"\r\n\r\n")
    await wire.send(PAGE[30:])
    wire.close()

    assert bare(await client.rest()) == PAGE


async def test_page_goes_on_while_the_app_still_writes_it(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    wire, _ = await stage.app.serve()
    opening = head(b"HTTP/1.1 200 OK", HTML, b"Transfer-Encoding: chunked")
    await wire.send(opening + b"f\r\n<html><head>\n<t\r\n")

    assert await client.until(b"<head>\n")
    await wire.send(b"14\r\nitle></title><body>x\r\n")
    assert await client.until(BANNER + b"x")
    await wire.send(b"0\r\n\r\n")
    assert await client.until(b"0\r\n\r\n")


async def test_page_cut_short_is_seen_to_be(stage: Stage) -> None:
    client = await stage.client()
    await client.get()
    wire, _ = await stage.app.serve()
    await wire.send(ok(PAGE, HTML)[:-60])
    await client.until(b"\r\n\r\n")
    wire.reset()

    assert await client.drop() == "reset"


async def test_style_sheet_hides_and_is_had_whatever_the_scope(start: Any) -> None:
    stage = await start(
        SEARCH, SOON, Flag("shop", FlagState(enabled=True), scope=Scope(methods=frozenset({"GET"})))
    )
    stage.live.hold(SEARCH, SOON)
    _, answer = await ask(stage, ok(PAGE, HTML), target=b"/search")
    paths = LINK.findall(answer.body)
    stage.live.hold(
        SEARCH,
        SOON,
        replace(
            SEARCH,
            name="held",
            state=FlagState(enabled=True),
            scope=Scope(methods=frozenset({"GET"})),
        ),
    )
    client = await stage.client()
    sheets = []
    for path in paths:
        await client.get(path)
        sheets.append(await client.answer())
    await client.get(b"/-/maintenance/notice/none.css")

    assert [sheet.status for sheet in sheets] == [200, 200]
    assert sheets[0].body == b"form { display: none !important; }\n"
    assert sheets[1].body.endswith(
        b"#q { display: none !important; }\n.x > a { display: none !important; }\n"
    )
    assert sheets[0].one(b"Content-Type") == b"text/css; charset=utf-8"
    assert (await client.answer()).status == 404
    assert len(stage.app.accepted) == 1


@pytest.mark.parametrize(
    ("policy", "nonce"),
    [
        (b"default-src 'self'", b""),
        (b"script-src 'nonce-zz'; style-src 'nonce-aB+/=' 'self'", b"aB+/="),
        (b"default-src 'nonce-d'; style-src 'self'", b""),
        (b"style-src 'nonce-s'; style-src-elem 'nonce-e'", b"e"),
        (b"default-src 'none' 'nonce-d_-'", b"d_-"),
        (b"style-src 'nonce-\"><script>'", b""),
    ],
)
async def test_link_carries_the_nonce_that_the_policy_asks_for(
    stage: Stage, policy: bytes, nonce: bytes
) -> None:
    _, answer = await ask(stage, ok(PAGE, HTML, b"Content-Security-Policy: " + policy))
    found = re.search(rb'<link [^>]*\.css"( nonce="([^"]*)")?><div', answer.body)

    assert found is not None
    assert (found[2] or b"") == nonce


async def test_page_within_a_page_says_nothing_and_hides_the_same(stage: Stage) -> None:
    _, answer = await ask(stage, ok(PAGE, HTML), b"Sec-Fetch-Dest: iframe")

    assert LINK.sub(b"", answer.body, count=1) == PAGE


async def test_page_is_the_app_s_own_again_once_the_flag_is_off(stage: Stage) -> None:
    page = ok(PAGE, HTML, b'ETag: "1"')
    stage.live.hold(replace(SOON, state=FlagState(enabled=False, mode=Mode.NOTICE)))
    request, answer = await ask(stage, page, b"Accept-Encoding: gzip", b"Accept: text/html")

    assert answer.head + answer.body == page
    assert request.one(b"Accept-Encoding") == b"gzip"
    assert request.one(b"X-Maintenance-Notice") is None


async def test_a_window_is_announced_ahead_and_hides_nothing(start: Any) -> None:
    begins = (time.time() // 60 + 10) * 60
    window = Window(Occurrence(begins, begins + 3600), timezone="Europe/Berlin", announce=3600.0)
    state = FlagState(enabled=False, window=window)
    stage: Stage = await start(Flag("site", state, notice=Notice(hide=("#q",))))
    request, answer = await ask(stage, ok(PAGE, HTML), b"Accept: text/html")

    assert b"X-Maintenance-Notice: site\r\n" in request.head
    words = f"from {window.clock(begins)} to {window.clock(begins + 3600)}"
    assert f">Maintenance is planned {words}.</div>".encode() in answer.body
    path = re.search(rb'href="([^"]+)"', answer.body)
    assert path is not None
    client = await stage.client()
    await client.get(path[1])
    assert b"#q" not in (await client.answer()).body
