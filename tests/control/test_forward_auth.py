"""What other proxies are told of the requests that they ask about."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from yarl import URL

from gateway.config.settings import Secret, Settings
from gateway.core.flags import (
    Exemptions,
    Flag,
    FlagState,
    Mode,
    Notice,
    Page,
    Scope,
    Strip,
)
from gateway.core.overrides import Patch
from gateway.core.paths import compile_host, compile_path
from gateway.pages.pages import Pages
from tests.control.conftest import Start
from tests.support.control import REINDEX, TOKENS, Stage

HTML = {"Accept": "text/html", "Sec-Fetch-Dest": "document"}
WHOLE, NARROW = ("traefik", "caddy", "haproxy"), ("nginx", "envoy")


def flag(name: str, mode: Mode = Mode.UNAVAILABLE, **more: Any) -> Flag:
    scope = Scope(paths=(compile_path(f"/{name}"),))
    return Flag(name, FlagState(enabled=True, mode=mode, retry_after=120), scope=scope, **more)


SEARCH = flag("search")
FLAGS = (
    SEARCH,
    flag("writes", Mode.READ_ONLY),
    flag("paused", Mode.HOLD),
    flag("told", Mode.NOTICE, notice=Notice(banner="soon")),
    flag("nobody", Mode.ANONYMOUS, strip=Strip(cookies=("sid",))),
    flag("office", allow=Exemptions(networks=(ip_network("127.0.0.0/8"), ip_network("9.9.9.9")))),
    REINDEX,
)


@pytest.fixture
async def asked(start: Start) -> Stage:
    """Flags of every mode, and this machine a trusted proxy."""
    stage = await start(flags=FLAGS, tokens=TOKENS)
    trust(stage, "127.0.0.1")
    return stage


def trust(stage: Stage, *networks: str) -> None:
    settings: Settings = stage.state.settings
    object.__setattr__(settings, "trusted_proxies", tuple(map(ip_network, networks)))


def fields(uri: str = "/", method: str = "GET", **more: str) -> dict[str, str]:
    return {
        "X-Forwarded-Method": method,
        "X-Forwarded-Uri": uri,
        "X-Forwarded-Host": "shop.test",
        "X-Forwarded-For": "192.0.2.7",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


async def ask(
    stage: Stage, uri: str = "/", method: str = "GET", dialect: str = "traefik", **more: str
) -> ClientResponse:
    headers = fields(uri, method, **more)
    return await stage.client.get("/auth", params={"dialect": dialect}, headers=headers)


@pytest.mark.parametrize("dialect", [*WHOLE, *NARROW])
async def test_what_no_flag_holds_is_let_through(asked: Stage, dialect: str) -> None:
    said = await ask(asked, "/books", dialect=dialect)
    assert (said.status, await said.read()) == (200, b"")
    assert "X-Maintenance-Notice" not in said.headers


@pytest.mark.parametrize("dialect", WHOLE)
async def test_proxies_that_hand_on_any_answer_get_the_whole_page(
    asked: Stage, dialect: str
) -> None:
    said = await ask(asked, "/search", dialect=dialect, **HTML)
    assert (said.status, said.content_type) == (503, "text/html")
    assert said.headers["X-Maintenance"] == "search"
    assert said.headers["Retry-After"] == "120"
    assert said.headers["Cache-Control"] == "no-store"
    assert "X-Frame-Options" not in said.headers  # it is the site's page, wherever that is shown
    assert "<h1" in await said.text()
    assert (await ask(asked, "/search", Accept="application/json")).content_type == (
        "application/problem+json"
    )


async def test_at_paths_of_programs_the_page_is_the_document(asked: Stage) -> None:
    pages = Pages(Page(json=(compile_path("/search/api"),)))
    object.__setattr__(asked.services, "pages", lambda: pages)
    said = await ask(asked, "/search/api/x", **HTML)
    assert (said.status, said.content_type) == (503, "application/problem+json")
    assert (await ask(asked, "/search/x", **HTML)).content_type == "text/html"


@pytest.mark.parametrize("dialect", NARROW)
async def test_proxies_that_know_no_503_get_a_403_with_the_same(asked: Stage, dialect: str) -> None:
    whole, said = (
        await ask(asked, "/search", **HTML),
        await ask(asked, "/search", dialect=dialect, **HTML),
    )
    assert said.status == 403
    assert (said.headers["X-Maintenance"], said.headers["Retry-After"]) == ("search", "120")
    assert await said.read() == await whole.read()


@pytest.mark.parametrize(
    ("uri", "method", "more", "status"),
    [
        ("/s%65arch?q=1", "GET", {}, 503),
        ("//x/../search", "GET", {}, 503),
        ("/", "GET", {"X_Original_URL": "/search"}, 503),
        ("/writes", "GET", {}, 200),
        ("/writes", "get", {}, 503),
        ("/writes", "POST", {}, 503),
        ("/writes", "GET", {"X_HTTP_Method_Override": "PUT"}, 503),
        ("/writes?_method=DELETE", "GET", {}, 503),
        ("/writes", "GET", {"Sec_WebSocket_Key": "x"}, 503),
        ("/paused", "GET", {}, 503),
        ("/nobody", "GET", {}, 503),
        ("/account", "GET", {"Cookie": "uid=ann"}, 503),
        ("/account", "GET", {"Cookie": "uid=bob"}, 200),
        ("*", "OPTIONS", {}, 200),
    ],
)
async def test_it_is_decided_as_on_the_public_port_or_stricter(
    asked: Stage, uri: str, method: str, more: dict[str, str], status: int
) -> None:
    assert (await ask(asked, uri, method, **more)).status == status


async def test_the_app_can_be_told_of_a_notice(asked: Stage) -> None:
    said = await ask(asked, "/told", dialect="nginx")
    assert (said.status, said.headers["X-Maintenance-Notice"]) == (200, "told")


async def test_the_visitor_can_be_told_of_a_bypass(start: Start) -> None:
    stage = await start(flags=(flag("keyed", allow=Exemptions(key=Secret("k3y-of-links"))),))
    made = await stage.client.post("/api/v1/flags/keyed/bypass", json={"for": "1h"})
    cookie = f"maintenance-bypass.keyed={(await made.json())['token']}"
    said = await ask(stage, "/keyed", dialect="nginx", Cookie=cookie)
    assert (said.status, said.headers["X-Maintenance-Bypass"]) == (200, "keyed")
    assert "X-Maintenance-Bypass" not in (await ask(stage, "/", Cookie=cookie)).headers


async def test_a_page_for_a_write_says_that_nothing_was_saved(asked: Stage) -> None:
    assert "nothing was saved" in await (await ask(asked, "/search", "POST")).text()


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"X-Forwarded-Uri": "/"}, "X-Forwarded-Method is missing"),
        ({"X-Forwarded-Method": "GET"}, "X-Forwarded-Uri is missing"),
        (fields("search"), "X-Forwarded-Uri"),
        (fields("http://shop.test/search"), "X-Forwarded-Uri"),
        (fields("/a b"), "X-Forwarded-Uri"),
        (fields("/a#b"), "X-Forwarded-Uri"),
        (fields(""), "X-Forwarded-Uri"),
        (fields("/", "GE T"), "X-Forwarded-Method"),
        (fields("/", X_Forwarded_Host="a, b"), "X-Forwarded-Host"),
        ([*fields().items(), ("X-Forwarded-Uri", "/x")], "X-Forwarded-Uri is there more than once"),
    ],
)
@pytest.mark.parametrize("path", ["/auth", "/auth/page"])
async def test_what_a_proxy_leaves_out_or_gets_wrong_is_400_and_says_so(
    asked: Stage, path: str, headers: Any, named: str
) -> None:
    document = await asked.json(await asked.client.get(path, headers=headers), 400)
    assert named in document["detail"]


async def test_a_dialect_that_nobody_speaks_is_400(asked: Stage) -> None:
    for query in ("dialect=apache", "dialect=", "dialect=nginx&dialect=caddy"):
        said = await asked.client.get(f"/auth?{query}", headers=fields())
        assert "nginx" in (await asked.json(said, 400))["detail"]


async def test_without_a_host_a_flag_of_any_host_may_hold(start: Start) -> None:
    only = Flag("shop", FlagState(enabled=True), scope=Scope(hosts=(compile_host("shop.test"),)))
    stage = await start(flags=(only,))
    assert (await ask(stage, X_Forwarded_Host="other.test")).status == 200
    headers = fields()
    del headers["X-Forwarded-Host"]
    assert (await stage.client.get("/auth", headers=headers)).status == 503


@pytest.mark.parametrize(
    ("trusted", "way", "status"),
    [
        (("127.0.0.1",), "9.9.9.9", 200),
        (("127.0.0.1",), "9.9.9.9, 192.0.2.7", 503),
        (("127.0.0.1",), "127.0.0.1", 503),  # the proxy itself is no visitor
        (("127.0.0.1",), "", 503),
        (("10.0.0.0/8",), "9.9.9.9", 503),  # not believed
    ],
)
async def test_an_address_is_exempt_only_as_a_trusted_proxy_tells_it(
    asked: Stage, trusted: tuple[str, ...], way: str, status: int
) -> None:
    trust(asked, *trusted)
    assert (await ask(asked, "/office", X_Forwarded_For=way)).status == status


async def test_a_stranger_is_told_nothing(asked: Stage, monkeypatch: Any) -> None:
    monkeypatch.setattr(web.BaseRequest, "remote", property(lambda _: "192.0.2.99"))
    for path in ("/auth", "/auth/page", "/auth/envoy/search"):
        said = await asked.client.get(path, headers=fields("/search"))
        assert "trusted_proxies" in (await asked.json(said, 403))["detail"]
        assert "X-Maintenance" not in said.headers
    trust(asked, "192.0.2.0/24")
    assert (await ask(asked, "/search")).status == 503


async def test_a_visitor_s_own_fields_say_nothing_about_who_calls(asked: Stage) -> None:
    theirs = {
        "Host": "shop.test",
        "Origin": "https://shop.test",
        "Sec_Fetch_Site": "cross-site",
        "Authorization": "Basic YTpi",
        "X_Actor": "x" * 500,
    }
    assert (await ask(asked, "/books", **theirs)).status == 200
    # ... and what is not asked for a proxy is as closed as before
    for path in ("/auth/../api/v1/flags", "/auth/%2e%2e/api/v1/flags", "/auth/nothing"):
        said = await asked.client.get(URL(path, encoded=True), headers={"Origin": "null"})
        assert said.status in {401, 403, 404}


async def test_envoy_s_request_is_read_from_its_own_line(asked: Stage) -> None:
    async def check(method: str, path: str, **more: str) -> int:
        url = URL(f"/auth/envoy{path}", encoded=True)
        headers = {"Host": "shop.test", **more}
        async with asked.client.request(method, url, headers=headers) as said:
            return said.status

    assert await check("GET", "/books?x=/search") == 200
    assert await check("GET", "/s%65arch?q=1") == 403
    assert await check("GET", "/%0a/../search") == 403
    assert await check("POST", "/writes") == 403
    assert await check("GET", "/writes", **{"X-Forwarded-Method": "POST"}) == 200
    assert await check("OPTIONS", "*") == 200
    assert await check("GET", "evil/search") == 400
    assert await check("DELETE", "/account", Cookie="uid=ann") == 403


async def test_the_page_is_never_a_2xx(asked: Stage) -> None:
    held = await asked.client.get("/auth/page", headers={**fields("/search"), **HTML})
    assert (held.status, held.headers["X-Maintenance"]) == (503, "search")
    await asked.state.flip("search", Patch({"enabled": False}), by="ann")
    lifted = await asked.client.get("/auth/page", headers={**fields("/search"), **HTML})
    assert (lifted.status, lifted.content_type) == (503, "text/html")
    assert "X-Maintenance" not in lifted.headers
    assert int(lifted.headers["Retry-After"]) <= 10


async def test_a_flag_with_ttl_0_has_the_store_asked_first(start: Start) -> None:
    fresh = Flag("fresh", FlagState(enabled=False, ttl=0))
    stage = await start(flags=(fresh,))

    async def read_anew() -> Any:
        stage.state.fresh = known  # type: ignore[method-assign]
        await stage.state.flip("fresh", Patch({"enabled": True}), by="ann")
        return stage.state.current()

    known = stage.state.fresh
    stage.state.fresh = read_anew  # type: ignore[method-assign]
    assert (await ask(stage)).status == 503


async def test_a_fault_lets_nothing_through(asked: Stage, monkeypatch: Any) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("gateway.control.forward_auth.decide", broken)
    assert (await ask(asked, "/books")).status == 500


async def test_the_style_sheets_of_notices_are_not_the_app_s(asked: Stage) -> None:
    said = await ask(asked, "/-/maintenance/notice/../../../search")
    assert said.status == 404


async def test_decisions_are_counted(asked: Stage) -> None:
    await ask(asked, "/books")
    await ask(asked, "/search", dialect="nginx")
    await asked.client.get("/auth/page", headers=fields("/search"))
    tally = asked.services.tally
    assert tally.asked == {"forward": 1, "refuse": 1}
    assert tally.refused == {"search": 1}
