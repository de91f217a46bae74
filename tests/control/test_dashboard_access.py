"""Who gets at the dashboard: sessions, forms that are ours, roles, policies."""

from __future__ import annotations

import io
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from gateway.config.settings import Role, Secret, Token
from gateway.control.dashboard.routes import PAGES
from gateway.control.dashboard.session import LASTS, SKEW, begin, read
from gateway.control.throttle import LIMIT
from tests.support.control import NOW, TOKENS, Stage, bearer
from tests.support.dashboard import HTML, Visitor, visitor

OPERATOR, VIEWER = TOKENS
COOKIE = "gateway-session-9090"
CLOSED = [page.path for page in PAGES if page.method == "GET" and not page.open]


def renew_tokens(stage: Stage, *tokens: Token) -> None:
    """As an edit of the YAML does it."""
    settings = stage.state.settings
    stage.state.settings = replace(settings, control=replace(settings.control, tokens=tokens))


async def test_a_browser_without_a_session_is_led_to_the_log_in_and_back(guarded: Stage) -> None:
    one = Visitor(guarded)
    response = await one.get("/flags/search", 303)
    assert response.headers["Location"] == "../login?then=%2Fflags%2Fsearch"
    await one.get("/login?then=%2Fflags%2Fsearch")
    assert 'value="/flags/search"' in one.text
    response = await one.post("/login", token="operator-secret", then="/flags/search")
    assert response.headers["Location"] == "./flags/search"
    await one.get("/flags/search")


@pytest.mark.parametrize(
    "then",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nX: y", "/a/../../b", "/ü"],
)
async def test_a_log_in_leads_to_our_own_pages_alone(guarded: Stage, then: str) -> None:
    one = Visitor(guarded)
    await one.get("/login")
    response = await one.post("/login", token="operator-secret", then=then)
    assert response.headers["Location"] == "./"


async def test_a_wrong_token_is_told_counted_and_noted(guarded: Stage) -> None:
    one = Visitor(guarded)
    await one.log_in("guess", 401)
    assert "does not know this token" in one.words
    assert 'aria-invalid="true"' in one.text
    assert "guess" not in one.text
    for _ in range(LIMIT - 1):
        await one.post("/login", 401, token="guess")
    response = await one.post("/login", 429, token="guess")
    assert int(response.headers["Retry-After"]) > 0
    await one.post("/login", 303, token="operator-secret")  # nobody's guesses lock its bearer out
    (entry,) = (await guarded.state.audit(1, None))[:1]
    assert (entry.action, entry.by) == ("refused", "unknown")


async def test_the_cookie_is_kept_from_scripts_other_sites_and_plain_http(guarded: Stage) -> None:
    one = Visitor(guarded)
    await one.log_in("operator-secret")
    (line,) = one.set_cookies
    assert line.startswith(f"{COOKIE}=")
    assert {part.strip() for part in line.split(";")[1:]} == {
        "HttpOnly",
        "SameSite=Strict",
        "Path=/",
        f"Max-Age={int(LASTS)}",
    }


async def test_behind_tls_the_cookie_is_secure_if_the_proxy_that_says_so_is_trusted(
    guarded: Stage,
) -> None:
    one = Visitor(guarded)
    await one.get("/login", **{"X-Forwarded-Proto": "https"})
    assert "Secure" not in one.set_cookies[0]
    guarded.state.settings = replace(
        guarded.state.settings, trusted_proxies=(ip_network("127.0.0.1/32"),)
    )
    two = Visitor(guarded)
    await two.get("/login", **{"X-Forwarded-Proto": "https"})
    assert two.set_cookies[0].startswith(f"__Host-{COOKIE}=")
    assert "Secure" in two.set_cookies[0]


async def test_a_session_is_over_after_twelve_hours(guarded: Stage) -> None:
    one = await visitor(guarded, "operator-secret")
    guarded.clock.now += LASTS - 1
    await one.get("/")
    mark = one.mark
    guarded.clock.now += 2
    await one.get("/", 303)
    response = await one.post("/flags/site", do="on", form=mark)
    assert response.headers["Location"] == "../login?over=1"
    assert guarded.state.snapshot.views[0].state.enabled is False
    await one.get("/login?over=1")
    assert "nothing was changed" in one.words


async def test_a_session_ends_with_its_token(guarded: Stage) -> None:
    one, other = await visitor(guarded, "operator-secret"), await visitor(guarded, "viewer-secret")
    renew_tokens(guarded, replace(OPERATOR, secret=Secret("another")), VIEWER)
    await one.get("/", 303)
    await other.get("/")
    renew_tokens(guarded, replace(VIEWER, role=Role.OPERATOR))
    await other.get("/")
    await other.post("/flags/site", do="on")  # its role is the token's, as it is now


async def test_any_replica_knows_a_session_by_the_token_alone(start: Any) -> None:
    one, two = await start(tokens=TOKENS), await start(tokens=TOKENS)
    known = await visitor(one, "operator-secret")
    await Visitor(two, dict(known.cookies)).get("/")
    # But whoever has not logged in is somebody else at a store of its own.
    stranger = Visitor(one)
    await stranger.get("/login")
    await Visitor(two, dict(stranger.cookies), stranger.text).post("/login", 403, token="x")


def test_a_cookie_that_was_touched_or_is_none_is_nobodys() -> None:
    session = begin(OPERATOR, NOW)
    assert read(session.cookie, TOKENS, NOW) is not None
    assert read(session.cookie, TOKENS, NOW - SKEW) is not None
    assert read(session.cookie, TOKENS, NOW - SKEW - 1) is None
    assert read(session.cookie, (VIEWER,), NOW) is None
    value, at, signature = session.cookie.split(".")
    later = begin(VIEWER, NOW + 60).cookie.split(".")
    for cookie in (
        *("", ".", "..", "\udcff", "ü.ü.ü", "x" * 5000, value, f"{value}.{at}"),
        f"{value}x.{at}.{signature}",
        f"{value}.{later[1]}.{signature}",
        f"{value}.{at}.{later[2]}",
        f"{value}.{at}.{signature[:-1]}",
    ):
        assert read(cookie, TOKENS, NOW) is None, cookie


async def test_logging_out_gives_the_session_up(guarded: Stage) -> None:
    for token in ("operator-secret", "viewer-secret"):
        one = await visitor(guarded, token)
        await one.post("/logout")
        await one.get("/", 303)


async def test_a_form_that_is_not_ours_changes_nothing(guarded: Stage) -> None:
    one, other = await visitor(guarded, "operator-secret"), await visitor(guarded, "viewer-secret")
    for mark in ("", "x", other.mark, one.mark[:-1]):
        await one.post("/flags/site", 403, do="on", form=mark)
        await one.post("/logout", 403, form=mark)
    await one.get("/")
    assert guarded.state.snapshot.views[0].state.enabled is False
    assert (await guarded.state.audit(1, None))[0].by == "ci"


async def test_without_tokens_forms_and_hosts_are_checked_all_the_same(stage: Stage) -> None:
    one = await visitor(stage)
    mark = one.mark
    await one.post("/flags/site", 403, do="on", form="x")
    await one.post("/flags/site", do="on", form=mark)
    await one.get("/", 403, Host="evil.example:9090")
    response = await stage.client.post(
        "/flags/site",
        data={"form": mark, "do": "off"},
        headers={"Origin": "http://evil.example"},
    )
    assert response.status == 403
    assert stage.state.snapshot.views[0].state.enabled is True
    response = await one.get("/login", 303)  # there is nothing to log in with
    assert response.headers["Location"] == "./"


async def test_a_viewer_sees_all_and_has_nothing_to_press(guarded: Stage) -> None:
    one = await visitor(guarded, "viewer-secret")
    assert "board" in one.words
    for path in ("/", "/flags/reindex"):
        await one.get(path)
        assert "ann" in one.words or path == "/"
        assert one.text.count('method="post"') == 1  # to log out
    for path, fields in (
        ("/flags/site", {"do": "on"}),
        ("/flags/reindex/users", {"add": "bob"}),
    ):
        await one.post(path, 403, **fields)
        assert "viewer" in one.words
    assert (await guarded.state.audit(1, None))[0].action == "refused"


async def test_what_needs_no_session_is_a_list_that_nothing_joins_unseen(guarded: Stage) -> None:
    assert {page.path for page in PAGES if page.open} == {"/login", "/logout", "/assets/{file}"}
    one = Visitor(guarded)
    for path in CLOSED:
        response = await one.get(path.replace("{flag}", "site"), 303)
        assert "/login" in response.headers["Location"]


async def test_a_cookie_opens_nothing_of_the_api_and_a_bearer_token_no_page(guarded: Stage) -> None:
    one = await visitor(guarded, "operator-secret")
    for path in ("/flags", "/status", "/events", "/audit"):
        await one.get(f"/api/v1{path}", 401)
    await Visitor(guarded).get("/flags/site", 303, **bearer("operator-secret"))


async def test_a_page_has_a_policy_that_lets_in_nothing_but_its_own_files(guarded: Stage) -> None:
    one = await visitor(guarded, "operator-secret")
    for path in ("/", "/flags/search", "/audit", "/explain", "/login", "/flags/none"):
        response = await guarded.client.get(
            path, headers={**HTML, "Cookie": f"{COOKIE}={one.cookies[COOKIE]}"}
        )
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert response.headers["Referrer-Policy"] == "same-origin"
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["Cache-Control"] == "no-store"
        text = await response.text()
        assert "style=" not in text
        assert "<style" not in text
        assert " onclick" not in text
        assert text.count("<script") == text.count("<script src=") == 1
        assert "://" not in text.replace("http://www.w3.org", "").replace("https://www.example", "")


async def test_a_form_that_is_none_is_refused(guarded: Stage) -> None:
    one = await visitor(guarded, "operator-secret")
    jar = {"Cookie": f"{COOKIE}={one.cookies[COOKIE]}", **HTML}
    for body, kind, status in (
        (b"{}", "application/json", 415),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 200, "application/x-www-form-urlencoded", 400),
        (io.BytesIO(b"x" * 2_000_000), "application/x-www-form-urlencoded", 413),
    ):
        response = await guarded.client.post(
            "/flags/site", data=body, headers={**jar, "Content-Type": kind}
        )
        assert response.status == status
        assert response.content_type == "text/html"
