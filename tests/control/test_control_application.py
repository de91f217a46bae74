"""What holds for every call: routing, security fields, errors, the description."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from typing import Any

import pytest

from gateway.control import make_control
from gateway.control.dashboard.routes import PAGES
from gateway.control.index import ROUTES
from gateway.control.openapi import describe
from tests.support.control import Stage


def routes_of(stage: Stage) -> set[tuple[str, str]]:
    return {
        (route.method, route.resource.canonical)
        for route in stage.client.app.router.routes()
        # Envoy asks with the method and below the path of the request: that is no call of its own.
        if route.resource is not None and route.method not in {"HEAD", "*"}
    } - {(page.method, page.pattern.replace(":[^/]+", "")) for page in PAGES}


async def test_the_description_has_every_route_and_no_other(stage: Stage) -> None:
    document = await stage.get("/openapi.json")
    described = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    assert described == routes_of(stage)
    assert document["openapi"].startswith("3.1.")


def test_every_reference_of_the_description_leads_somewhere() -> None:
    document = describe(ROUTES, "1")
    text = json.dumps(document)
    schemas = document["components"]["schemas"]  # type: ignore[index]
    named = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert named <= set(schemas)
    assert set(schemas) - named == set()


def test_every_operation_has_its_own_name() -> None:
    names = [route.endpoint.__name__ for route in ROUTES]
    assert len(set(names)) == len(names)


async def test_flags_are_as_the_description_says(stage: Stage) -> None:
    document = await stage.get("/openapi.json")
    schema = document["components"]["schemas"]["FlagAtRevision"]
    assert set(schema["required"]) == set(await stage.get("/flags/search"))


async def test_the_index_names_every_call(stage: Stage) -> None:
    text = await (await stage.client.get("/")).text()
    for method, path in routes_of(stage):
        assert re.search(rf"{method} +{re.escape(path)} ", text)


async def test_an_unknown_path_is_404(stage: Stage) -> None:
    for path in ("/nothing", "/api/v1", "/api/v1/flags/site/drain/x", "/api/v2/flags"):
        await stage.json(await stage.client.get(path), 404)


async def test_a_wrong_method_is_405_and_told_which(stage: Stage) -> None:
    response = await stage.client.post("/api/v1/flags/site", json={})
    document = await stage.json(response, 405)
    assert response.headers["Allow"] == "GET, HEAD, PATCH"
    assert document["allowed"] == ["GET", "HEAD", "PATCH"]


async def test_head_answers_as_get_without_the_body(stage: Stage) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/", "/api/v1/flags", "/api/v1/flags/site"):
        head, get = await stage.client.head(path), await stage.client.get(path)
        assert head.status == get.status == 200
        assert head.headers["Content-Length"] == get.headers["Content-Length"]
        assert await head.read() == b""


async def test_every_answer_carries_the_security_fields(stage: Stage) -> None:
    for path in ("/", "/healthz", "/metrics", "/api/v1/flags", "/nothing", "/api/v1/explain"):
        headers = (await stage.client.get(path)).headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "Server" not in headers


async def test_a_crash_is_500_without_internals_and_is_logged(
    stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: Any, **__: Any) -> None:
        raise RuntimeError("inner secret")

    monkeypatch.setattr(stage.state, "flip", crash)
    document = await stage.patch("site", {"enabled": True}, 500)
    assert "inner secret" not in str(document)
    assert "inner secret" in caplog.text
    await stage.get("/flags")


async def test_what_a_caller_writes_is_escaped_in_the_log(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gateway.control")
    await stage.json(
        await stage.client.get("/api/v1/flags/a%0Ab%1B[2J", headers={"Host": "evil.example"}), 403
    )
    assert "\x1b" not in caplog.text
    assert "\\x1b" in caplog.text


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer s3cret\x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer s3cret"
        + b"x" * 9000
        + b"\r\n\r\n",
        b"s3cret \x00\x01\r\n\r\n",
    ],
)
async def test_a_request_that_is_no_http_is_400_and_leaves_no_token_in_the_log(
    stage: Stage, caplog: pytest.LogCaptureFixture, head: bytes
) -> None:
    caplog.set_level(logging.DEBUG)
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.client.port)
    writer.write(head)
    answer = await reader.read()
    writer.close()
    assert answer.split(b" ")[1] == b"400"
    assert "Error handling request" in caplog.text
    assert "s3cret" not in caplog.text
    assert "Traceback" not in caplog.text
    await stage.get("/flags")


async def test_the_access_log_is_off(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await stage.get("/flags")
    assert not [record for record in caplog.records if record.name == "aiohttp.access"]


def test_the_package_hands_on_what_the_composition_root_needs() -> None:
    assert callable(make_control)
