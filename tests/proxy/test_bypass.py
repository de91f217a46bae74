"""Bypass links at the wire: followed, borne past a flag, told of, taken back, and worth nothing."""

from __future__ import annotations

import time
from dataclasses import replace
from ipaddress import ip_network
from typing import Any
from urllib.parse import quote

import pytest

from gateway.config.settings import Secret
from gateway.core.flags import Exemptions, Flag, FlagState, Mode, Notice, Scope
from gateway.core.gated import GatedRule
from gateway.core.passes import revocation_key, revoked
from gateway.core.paths import compile_path
from gateway.core.snapshot import fence
from gateway.state.passes import Passes
from tests.support.flags import flag
from tests.support.proxy_stage import Stage
from tests.support.wire import Message, head, ok

KEY = Secret("k3y-of-links")
ALLOW = Exemptions(key=KEY)
ON = FlagState(enabled=True)
SITE = Flag("site", ON)
SEARCH = Flag("search", ON, scope=Scope(paths=(compile_path("/search"),)))
LINK = "/-/maintenance/bypass/site"
HTML = b"Content-Type: text/html"
PAGE = b"<html><body><p>hi</p></body></html>"
ACCEPT = b"Accept: text/html"


@pytest.fixture
async def stage(start: Any) -> Stage:
    made: Stage = await start(SITE, SEARCH, allow=ALLOW)
    return made


def token(stage: Stage, name: str = "site", seconds: float = 7200) -> str:
    rule = stage.live.snapshot.rule(name)
    assert isinstance(rule, GatedRule)
    return rule.gate.issue(seconds)[0]


def cookie(stage: Stage, *names: str) -> bytes:
    found = [f"maintenance-bypass.{name}={token(stage, name)}" for name in names or ("site",)]
    return f"Cookie: {'; '.join(found)}".encode()


async def follow(stage: Stage, target: str, *lines: bytes) -> Message:
    client = await stage.client()
    await client.get(target.encode(), *lines)
    return await client.answer()


async def forwarded(
    stage: Stage, *lines: bytes, target: bytes = b"/", answer: bytes | None = None
) -> tuple[Message, Message]:
    """The request as the app got it, and its answer as the client got that."""
    client = await stage.client()
    await client.get(target, *lines)
    wire = stage.app.accepted[-1] if stage.app.accepted else await stage.app.accept()
    request = await wire.message()
    await wire.send(answer or ok())
    return request, await client.answer()


async def test_followed_link_sets_a_cookie_and_leads_to_the_clean_address(stage: Stage) -> None:
    made = token(stage)

    answer = await follow(stage, f"{LINK}?token={made}&to={quote('/cart?a=1&b=%20', safe='')}")

    assert answer.status == 303
    assert answer.one(b"Location") == b"/cart?a=1&b=%20"
    name, *attributes = (answer.one(b"Set-Cookie") or b"").split(b"; ")
    assert name == f"maintenance-bypass.site={made}".encode()
    age = int(attributes.pop(1).removeprefix(b"Max-Age="))
    assert attributes == [b"Path=/", b"HttpOnly", b"SameSite=Lax"]
    assert 0 < age <= 7200
    assert answer.one(b"Cache-Control") == b"no-store"
    assert answer.one(b"Referrer-Policy") == b"no-referrer"
    assert stage.app.untouched()


@pytest.mark.parametrize(
    "more", ["=\r\nSet-Cookie: a=b", "=\r\n\r\n<script>", "=; Domain=example.org"]
)
async def test_a_link_writes_no_field_but_its_own(stage: Stage, more: str) -> None:
    answer = await follow(stage, f"{LINK}?token={token(stage)}{quote(more, safe='')}&to=/")

    assert answer.status == 403
    assert answer.one(b"Set-Cookie") is None


async def test_cookie_opens_the_flag_and_never_reaches_the_app(stage: Stage) -> None:
    answer = await follow(stage, f"{LINK}?token={token(stage)}")
    borne = (answer.one(b"Set-Cookie") or b"").partition(b";")[0]

    request, answer = await forwarded(stage, b"Cookie: a=1;  b=2; " + borne + b"; c=3")

    assert request.all(b"Cookie") == [b"a=1;  b=2; c=3"]
    assert answer.status == 200
    assert answer.one(b"X-Maintenance-Bypass") == b"site"
    assert stage.tally.bypassed == {"site": 1}


@pytest.mark.parametrize("flags", [[], [replace(SITE, state=FlagState(enabled=False))]])
@pytest.mark.parametrize("line", [b"Cookie: %b", b"cOOKIE: a=b;%b", b"Cookie: %b;a=b"])
async def test_pass_is_taken_out_of_any_request_whether_a_flag_is_on_or_not(
    start: Any, flags: list[Flag], line: bytes
) -> None:
    stage = await start(*flags, allow=ALLOW)

    request, answer = await forwarded(stage, line % b"maintenance-bypass.site=x", b"Cookie: z=1")

    left = b"; ".join(request.all(b"Cookie"))
    assert b"maintenance" not in left
    assert b"z=1" in left
    assert (b"a=b" in left) is (b"a=b" in line)
    assert answer.all(b"X-Maintenance-Bypass") == []


async def test_cookies_that_only_look_like_a_pass_are_left_as_they_are(stage: Stage) -> None:
    stage.live.hold()
    odd = b"maintenance-bypass=1; my-maintenance-bypass.x=2; a=maintenance-bypass.site=3"

    request, _ = await forwarded(stage, b"Cookie: " + odd)

    assert request.all(b"Cookie") == [odd]


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example/", "/\\evil.example", "\\\\evil.example", "https://evil.example/", "evil",
        "/\t/evil.example", "/a\r\nSet-Cookie: b=c", "/ü", "javascript:alert(1)", "", "/\x00",
        "/a b",
    ],
)  # fmt: skip
async def test_link_leads_nowhere_but_into_this_site(stage: Stage, to: str) -> None:
    for target in (f"{LINK}?token={token(stage)}", f"{LINK}/end?"):
        answer = await follow(stage, f"{target}&to={quote(to, safe='')}")

        assert answer.status == 303
        assert answer.one(b"Location") == b"/"
        assert len(answer.all(b"Set-Cookie")) == 1


@pytest.mark.parametrize("trusted", [(), (ip_network("127.0.0.0/8"),)])
async def test_cookie_is_secure_where_a_trusted_proxy_says_https(
    start: Any, trusted: tuple[Any, ...]
) -> None:
    stage = await start(SITE, allow=ALLOW, trusted_proxies=trusted)

    answer = await follow(stage, f"{LINK}?token={token(stage)}", b"X-Forwarded-Proto: https")

    assert (b"; Secure" in (answer.one(b"Set-Cookie") or b"")) is bool(trusted)


async def test_link_that_is_not_valid_says_so_and_sets_nothing(stage: Stage) -> None:
    expired = Passes(lambda: time.time() - 100).gates(KEY, {})(SITE)
    assert expired is not None
    for target in (
        LINK,
        f"{LINK}?token=",
        f"{LINK}?token=forged",
        f"{LINK}?token={token(stage, 'search')}",
        f"{LINK}?token={expired.issue(50)[0]}",
        f"{LINK}?token={'x' * 9000}",
    ):
        answer = await follow(stage, target)

        assert answer.status == 403
        assert b"expired, was revoked, or is not whole" in answer.body
        assert answer.all(b"Set-Cookie") == []
    for target in ("/-/maintenance/bypass/other?token=x", f"{LINK}/other", f"{LINK}x/"):
        assert (await follow(stage, target)).status == 404
    assert stage.app.untouched()


async def test_pass_that_is_void_gets_the_page_with_a_word_and_loses_its_cookie(
    stage: Stage,
) -> None:
    answer = await follow(stage, "/", b"Cookie: maintenance-bypass.site=x", b"Accept: text/plain")

    assert answer.status == 503
    assert b"Your bypass link has expired or was revoked." in answer.body
    assert answer.one(b"Set-Cookie") == b"maintenance-bypass.site=; Path=/; Max-Age=0"
    others = await follow(stage, "/", b"Accept: text/plain")
    assert b"bypass" not in others.body
    assert others.all(b"Set-Cookie") == []


async def test_revoked_or_another_key_it_is_void_at_once_on_a_kept_connection(stage: Stage) -> None:
    borne = cookie(stage)
    client = await stage.client()
    await client.get(b"/", borne)
    wire = await stage.app.accept()
    await wire.message()
    await wire.send(ok())
    assert (await client.answer()).status == 200

    stage.live.overrides = {revocation_key("site"): revoked(None, None, now=0.0, by="ann")}
    stage.live.hold(SITE)
    await client.get(b"/", borne)
    assert (await client.answer()).status == 503

    stage.live.overrides = {}
    stage.live.hold(SITE)
    await client.get(b"/", borne)
    await wire.message()
    await wire.send(ok())
    assert (await client.answer()).status == 200

    stage.live.settings = replace(stage.live.settings, allow=Exemptions(key=Secret("another")))
    stage.live.hold(SITE)
    await client.get(b"/", borne)
    assert (await client.answer()).status == 503


async def test_several_flags_want_a_pass_each(stage: Stage) -> None:
    assert (await follow(stage, "/search", cookie(stage))).one(b"X-Maintenance") == b"search"

    _, answer = await forwarded(stage, cookie(stage, "search", "site"), target=b"/search")

    assert answer.one(b"X-Maintenance-Bypass") == b"site, search"


async def test_app_s_page_says_that_it_is_seen_in_spite_of_maintenance(stage: Stage) -> None:
    app = ok(PAGE, HTML, b'ETag: "1"')

    request, answer = await forwarded(stage, cookie(stage), ACCEPT, answer=app)

    assert request.one(b"Accept-Encoding") == b"identity"
    assert request.all(b"X-Maintenance-Notice") == answer.all(b"X-Maintenance-Notice") == []
    assert answer.one(b"X-Maintenance-Bypass") == b"site"
    assert b"in spite of maintenance" in answer.body
    assert answer.one(b"Content-Length") == b"%d" % len(answer.body)
    assert stage.tally.notices == {}
    sheet = answer.body.partition(b'href="')[2].partition(b'"')[0].decode()
    styles = await follow(stage, sheet)
    assert styles.one(b"Content-Type") == b"text/css; charset=utf-8"
    end = answer.body.partition(b'<a href="')[2].partition(b'"')[0].decode()
    ended = await follow(stage, end, cookie(stage))
    assert ended.one(b"Set-Cookie") == (
        b"maintenance-bypass.site=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
    )
    assert ended.one(b"Location") == b"/"


async def test_notices_are_shown_beside_it(start: Any) -> None:
    soon = Flag("soon", FlagState(enabled=True, mode=Mode.NOTICE), notice=Notice("Soon."))
    stage = await start(SITE, soon, allow=ALLOW)

    _, answer = await forwarded(stage, cookie(stage), ACCEPT, answer=ok(PAGE, HTML))

    assert b"Soon." in answer.body
    assert b"in spite of maintenance" in answer.body
    assert answer.one(b"X-Maintenance-Notice") == b"soon"


async def test_no_cache_in_front_gives_a_bypasser_s_answer_to_others(stage: Stage) -> None:
    keep = (b"Cache-Control: public, max-age=99", b"CDN-Cache-Control: max-age=99", b'ETag: "1"')

    _, answer = await forwarded(stage, cookie(stage), answer=ok(b"x", *keep))

    assert answer.all(b"Cache-Control") == [b"private, no-cache"]
    assert answer.all(b"CDN-Cache-Control") == []
    assert answer.one(b"ETag") == b'"1"'
    _, answer = await forwarded(
        stage, cookie(stage), answer=ok(b"x", b"Cache-Control: No-Store, private")
    )
    assert answer.all(b"Cache-Control") == [b"no-store"]


async def test_bytes_of_what_is_no_page_are_the_app_s(stage: Stage) -> None:
    for body in (b"{}", b""):
        _, answer = await forwarded(stage, cookie(stage), ACCEPT, answer=ok(body))
        assert answer.body == body
    chunked = head(b"HTTP/1.1 200 OK", b"Transfer-Encoding: chunked") + b"1\r\nx\r\n0\r\n\r\n"
    _, answer = await forwarded(stage, cookie(stage), answer=chunked)
    assert answer.body == b"1\r\nx\r\n0\r\n\r\n"
    assert answer.one(b"X-Maintenance-Bypass") == b"site"


async def test_bypasser_goes_on_past_every_mode(start: Any) -> None:
    for mode in (Mode.READ_ONLY, Mode.HOLD, Mode.UNAVAILABLE):
        stage = await start(replace(SITE, state=replace(ON, mode=mode)), allow=ALLOW)
        client = await stage.client()
        await client.send(head(b"POST / HTTP/1.1", b"Host: a.test", cookie(stage)))
        wire, request = await stage.app.serve()
        assert request.line.startswith(b"POST /")
        await wire.send(ok())
        assert (await client.answer()).one(b"X-Maintenance-Bypass") == b"site"


async def test_websocket_says_it_in_its_handshake(stage: Stage) -> None:
    client = await stage.client()
    upgrade = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: x")
    await client.get(b"/", cookie(stage), *upgrade)
    wire = await stage.app.accept()
    assert b"maintenance" not in (await wire.message()).head
    await wire.send(head(b"HTTP/1.1 101 Switching Protocols", *upgrade[:2]))

    answer = await client.until(b"\r\n\r\n")

    assert b"X-Maintenance-Bypass: site\r\n" in answer
    client.reset()


async def test_drain_does_not_wait_for_a_bypasser_until_the_pass_is_revoked(stage: Stage) -> None:
    client = await stage.client()
    await client.get(b"/", cookie(stage))
    wire = await stage.app.accept()
    await wire.message()

    def watched() -> int:
        rule = stage.live.snapshot.rule("site")
        assert rule is not None
        below = stage.live.snapshot.revision + 1
        return stage.plane.in_flight.watch(rule, None, below).counts().in_flight

    assert watched() == 0
    stage.live.overrides = {revocation_key("site"): revoked(None, None, now=0.0, by="ann")}
    stage.live.hold(SITE)
    assert watched() == 1
    await wire.send(ok())
    await client.answer()


async def test_strict_flag_lets_no_bypasser_by_while_the_lease_is_out(start: Any) -> None:
    stage = await start(replace(SITE, strict=True), allow=ALLOW)
    stage.live.fenced = fence(stage.live.snapshot, allow=ALLOW)

    assert (await follow(stage, "/", cookie(stage))).status == 503
    assert (await follow(stage, f"{LINK}?token={token(stage)}")).status == 303
    assert stage.app.untouched()


async def test_nothing_is_the_gateway_s_own_where_no_flag_has_a_key(start: Any) -> None:
    stage = await start(flag("site", enabled=False))

    request, _ = await forwarded(stage, target=f"{LINK}?token=x".encode())

    assert request.line == f"GET {LINK}?token=x HTTP/1.1".encode()
