"""Rebinding and requests of other sites."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config.settings import Address, Control
from gateway.control.cross_site import allowed_host, same_origin
from gateway.core.paths import compile_host
from tests.support.control import TOKENS, Stage, bearer


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:9090", "LocalHost:1", "127.0.0.1:9090", "127.8.9.1", "[::1]:9"]
)
async def test_names_of_this_machine_are_answered(stage: Stage, host: str) -> None:
    await stage.get("/flags", headers={"Host": host})


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:9090",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "10.0.0.1",
        "0.0.0.0",  # noqa: S104 a name that is asked for, not an address that is bound
        "localhost@evil.example",
        "[::ffff:10.0.0.1]",
        "a b",
    ],
)
async def test_a_foreign_host_is_refused_without_a_token(stage: Stage, host: str) -> None:
    for path in ("/api/v1/flags", "/metrics", "/"):
        await stage.json(await stage.client.get(path, headers={"Host": host}), 403)
    await stage.patch("site", {"enabled": True}, 403, headers={"Host": host})
    assert stage.state.snapshot.view("site").state.enabled is False


async def test_a_probe_may_name_any_host_or_none(stage: Stage) -> None:
    for path in ("/healthz", "/readyz"):
        assert (await stage.client.get(path, headers={"Host": "10.0.0.1:9090"})).status == 200


async def test_with_a_token_any_host_is_answered(guarded: Stage) -> None:
    headers = {"Host": "gateway.internal", **bearer("operator-secret")}
    await guarded.get("/flags", headers=headers)


def test_the_listener_s_own_name_is_answered() -> None:
    control = Control(Address("gw.internal", 9090))
    assert allowed_host("gw.internal:9090", control)
    assert not allowed_host("other.internal:9090", control)
    assert not allowed_host("", Control(Address("", 9090)))


@pytest.mark.parametrize("tokens", [(), TOKENS])
async def test_with_names_configured_they_alone_are_answered(start: Any, tokens: Any) -> None:
    stage = await start(tokens=tokens, hosts=(compile_host("*.ops.example"),))
    for host in ("gw.ops.example", "GW.ops.example:443", "localhost:9090", "[::1]:9090"):
        await stage.get("/flags", headers={"Host": host, **bearer("operator-secret")})
    for host in ("ops.example", "evil.example", "gw.ops.example.evil.example", "10.0.0.1"):
        headers = {"Host": host, **bearer("operator-secret")}
        for path in ("/api/v1/flags", "/metrics", "/"):
            await stage.json(await stage.client.get(path, headers=headers), 403)
        await stage.patch("site", {"enabled": True}, 403, headers=headers)
        assert (await stage.client.get("/healthz", headers={"Host": host})).status == 200
    assert stage.state.snapshot.view("site").state.enabled is False


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1", "x"])
@pytest.mark.parametrize("method", ["GET", "PATCH"])
async def test_a_foreign_origin_is_refused(stage: Stage, origin: str, method: str) -> None:
    response = await stage.client.request(
        method, "/api/v1/flags/site", json={"enabled": True}, headers={"Origin": origin}
    )
    await stage.json(response, 403)
    assert stage.state.snapshot.view("site").state.enabled is False


async def test_a_foreign_origin_is_refused_with_a_token_too(guarded: Stage) -> None:
    headers = {"Origin": "http://evil.example", **bearer("operator-secret")}
    await guarded.patch("site", {"enabled": True}, 403, headers=headers)


async def test_the_page_s_own_origin_is_answered(stage: Stage) -> None:
    headers = {"Origin": str(stage.client.make_url("/")).rstrip("/")}
    await stage.patch("site", {"enabled": True}, headers=headers)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "Cross-Site", "odd"])
async def test_a_browser_s_cross_site_change_is_refused(stage: Stage, site: str) -> None:
    headers = {"Sec-Fetch-Site": site}
    await stage.patch("site", {"enabled": True}, 403, headers=headers)
    response = await stage.client.put("/api/v1/flags/reindex/users/bob", headers=headers)
    await stage.json(response, 403)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    ("mode", "dest"), [("no-cors", "image"), ("no-cors", "script"), ("navigate", "iframe")]
)
async def test_what_another_site_s_page_loads_is_refused(
    stage: Stage, site: str, mode: str, dest: str
) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
    await stage.get("/explain?url=/", 403, headers=headers)


async def test_a_link_on_another_site_may_be_followed_but_changes_nothing(stage: Stage) -> None:
    headers = {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    await stage.get("/status", headers=headers)
    await stage.patch("site", {"enabled": True}, 403, headers=headers)


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/plain"]
)
async def test_a_form_of_another_site_changes_nothing_in_a_browser_that_marks_nothing(
    stage: Stage, kind: str
) -> None:
    for path in ("reindex/users", "site/guards", "site/drain"):
        response = await stage.client.post(
            f"/api/v1/flags/{path}", data=b'{"add": ["bob"]}', headers={"Content-Type": kind}
        )
        await stage.json(response, 415)
    assert stage.state.snapshot.view("reindex").state.users == ("ann",)


@pytest.mark.parametrize("site", ["same-origin", "none"])
async def test_a_browser_s_own_change_goes_through(stage: Stage, site: str) -> None:
    await stage.patch("site", {"enabled": True}, headers={"Sec-Fetch-Site": site})


async def test_a_preflight_gets_no_permission(stage: Stage) -> None:
    headers = {"Origin": "http://evil.example", "Access-Control-Request-Method": "PATCH"}
    response = await stage.client.options("/api/v1/flags/site", headers=headers)
    assert response.status == 403
    assert not [name for name in response.headers if name.startswith("Access-Control")]


async def test_no_answer_ever_allows_another_origin(stage: Stage) -> None:
    for path in ("/", "/healthz", "/metrics", "/api/v1/flags", "/nothing"):
        response = await stage.client.get(path)
        assert not [name for name in response.headers if name.startswith("Access-Control")]


def test_an_origin_is_compared_with_its_port() -> None:
    assert same_origin("http://localhost:9090", "localhost:9090")
    assert same_origin("https://gw.example", "GW.example")
    assert not same_origin("http://localhost:9091", "localhost:9090")
    assert not same_origin("ftp://localhost:9090", "localhost:9090")
    assert not same_origin("null", "null")
