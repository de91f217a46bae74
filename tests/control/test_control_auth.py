"""Tokens, roles and throttling."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

import pytest

from gateway.config.settings import Role, Secret, Token
from gateway.control.audit import AT_FIRST, ONE_MORE, RefusalRate
from gateway.control.index import ROUTES
from gateway.control.route import OPEN
from gateway.control.throttle import LIMIT, MOST_PEERS, Throttle
from tests.support.control import TOKENS, Clock, Stage, bearer

OPERATOR, VIEWER, WRONG = bearer("operator-secret"), bearer("viewer-secret"), bearer("guess")


async def test_without_a_token_everything_in_the_api_is_401(guarded: Stage) -> None:
    for path in ("/flags", "/flags/site", "/status", "/audit", "/openapi.json", "/nothing"):
        response = await guarded.client.get(f"/api/v1{path}")
        await guarded.json(response, 401)
        assert response.headers["WWW-Authenticate"].startswith("Bearer realm=")


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer ", "Basic b3A6cw==", "operator-secret", "Token operator-secret"]
)
async def test_what_is_not_a_bearer_token_is_401(guarded: Stage, value: str) -> None:
    await guarded.get("/flags", 401, headers={"Authorization": value})


@pytest.mark.parametrize(
    "secret", ["guess", "operator-secre", "operator-secretx", "OPERATOR-SECRET", "ü"]
)
async def test_a_wrong_token_is_401(guarded: Stage, secret: str) -> None:
    response = await guarded.client.get("/api/v1/flags", headers=bearer(secret))
    await guarded.json(response, 401)
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


async def test_two_authorization_fields_are_401(guarded: Stage) -> None:
    headers = [("Authorization", "Bearer operator-secret")] * 2
    await guarded.get("/flags", 401, headers=headers)


async def test_the_scheme_is_read_in_any_case(guarded: Stage) -> None:
    await guarded.get("/flags", headers={"Authorization": "bearer operator-secret"})


async def test_a_viewer_reads_and_does_not_flip(guarded: Stage) -> None:
    await guarded.get("/flags", headers=VIEWER)
    await guarded.patch("site", {"enabled": True}, 403, headers=VIEWER)
    for method, path in (
        ("PUT", "/flags/reindex/users/bob"),
        ("DELETE", "/flags/reindex/users/ann"),
        ("POST", "/flags/reindex/users"),
        ("DELETE", "/flags/site/override"),
    ):
        response = await guarded.client.request(method, f"/api/v1{path}", headers=VIEWER)
        await guarded.json(response, 403)
    assert guarded.state.snapshot.view("site").state.enabled is False


async def test_an_operator_flips_under_the_token_s_name(guarded: Stage) -> None:
    headers = {**OPERATOR, "X-Actor": "ann@laptop"}
    document = await guarded.patch("site", {"enabled": True}, headers=headers)
    assert document["by"] == "ci (ann@laptop)"


async def test_a_wrong_method_is_405_for_a_viewer_too(guarded: Stage) -> None:
    response = await guarded.client.post("/api/v1/flags", headers=VIEWER)
    await guarded.json(response, 405)


async def test_a_token_taken_out_of_the_yaml_is_refused_at_once(guarded: Stage) -> None:
    await guarded.get("/flags", headers=OPERATOR)
    settings = guarded.state.settings
    kept = replace(settings.control, tokens=TOKENS[1:])
    guarded.state.settings = replace(settings, control=kept)
    await guarded.get("/flags", 401, headers=OPERATOR)


async def test_health_asks_for_no_token(guarded: Stage) -> None:
    for path in ("/healthz", "/readyz", "/metrics", "/"):
        assert (await guarded.client.get(path)).status == 200


async def test_metrics_ask_for_their_token_where_there_is_one(start: Any) -> None:
    stage = await start(tokens=TOKENS, metrics_token=Secret("scrape"))
    assert (await stage.client.get("/metrics")).status == 401
    assert (await stage.client.get("/metrics", headers=WRONG)).status == 401
    for secret in ("scrape", "viewer-secret", "operator-secret"):
        assert (await stage.client.get("/metrics", headers=bearer(secret))).status == 200
    await stage.get("/flags", 401, headers=bearer("scrape"))


async def test_a_metrics_token_alone_leaves_the_api_to_this_machine(start: Any) -> None:
    stage = await start(metrics_token=Secret("scrape"))
    assert (await stage.client.get("/metrics")).status == 401
    await stage.patch("site", {"enabled": True})


async def test_guessing_is_throttled_and_forgotten_after_a_minute(guarded: Stage) -> None:
    for _ in range(10):
        await guarded.get("/flags", 401, headers=WRONG)
    response = await guarded.client.get("/api/v1/flags", headers=WRONG)
    await guarded.json(response, 429)
    assert response.headers["Retry-After"] == "60"
    guarded.clock.now += 61
    await guarded.get("/flags", 401, headers=WRONG)


async def test_a_stranger_s_guesses_lock_nobody_out_who_has_a_token(guarded: Stage) -> None:
    for _ in range(12):
        await guarded.client.get("/api/v1/flags", headers=WRONG)
    await guarded.get("/flags", headers=OPERATOR)


async def test_calls_without_a_token_are_not_counted_as_guesses(guarded: Stage) -> None:
    for _ in range(12):
        await guarded.get("/flags", 401)
    await guarded.get("/flags", headers=OPERATOR)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/%61pi/v1/flags",
            "/api/v1%2Fflags",
            "/api%2Fv1/flags",
            "//api/v1/flags",
            "/api//v1/flags",
        ),
        *(
            "/api/v1/./flags",
            "/x/../api/v1/flags",
            "/api/v1/flags?x",
            "/api/v1/flags#x",
            "/api/v1/",
        ),
        *("/metrics/../api/v1/flags", "/healthz/", "/auth", "/nothing", "/%2e/api/v1/flags"),
    ],
)
async def test_no_spelling_of_a_call_gets_round_the_token(guarded: Stage, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", guarded.client.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert answer.split(b" ")[1] in {b"400", b"401"}, answer


def test_what_is_open_to_everybody_is_a_list_that_nothing_joins_unseen() -> None:
    assert {route.path for route in ROUTES if route.open} == OPEN
    assert {"/", "/healthz", "/readyz", "/metrics", "/auth", "/auth/page"} == OPEN


async def test_every_token_is_compared_whatever_is_shown(
    guarded: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[int, int]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr("gateway.control.auth.hmac.compare_digest", compare)
    for secret in ("operator-secret", "viewer-secret", "x", "operator-secreT", "y" * 5000):
        compared.clear()
        await guarded.client.get("/api/v1/flags", headers=bearer(secret))
        assert compared == [(32, 32)] * len(TOKENS)


async def test_a_guesser_who_is_throttled_needs_a_new_connection_for_each_guess(
    guarded: Stage,
) -> None:
    for _ in range(10):
        await guarded.get("/flags", 401, headers=WRONG)
    response = await guarded.client.get("/api/v1/flags", headers=WRONG)
    assert response.status == 429
    assert response.headers["Connection"] == "close"


def test_the_count_of_wrong_tokens_is_bounded_and_goes_by_the_block() -> None:
    throttle = Throttle(lambda: 0.0)
    for number in range(LIMIT):
        throttle.failed(f"2001:db8::{number:x}")
    assert throttle.wait("2001:db8::ffff")
    assert not throttle.wait("2001:db8:0:1::1")
    for number in range(2 * MOST_PEERS):
        throttle.failed(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(throttle._failures) == MOST_PEERS


def test_a_flood_of_refusals_writes_little_and_says_how_much_it_did_not_write() -> None:
    clock = Clock(0.0)
    rate = RefusalRate(clock)
    noted = [rate.takes(f"10.0.{n >> 8}.{n & 255}", 401, "unknown") for n in range(5000)]
    assert [each for each in noted if each is not None] == [0] * AT_FIRST
    clock.now = ONE_MORE
    assert rate.takes("10.9.9.9", 401, "unknown") == 5000 - AT_FIRST
    assert rate.takes("10.9.9.8", 401, "unknown") is None
    assert len(rate._noted) <= AT_FIRST


async def test_refused_calls_are_in_the_audit_once_a_minute(guarded: Stage) -> None:
    for _ in range(3):
        await guarded.patch("site", {"enabled": True}, 403, headers=VIEWER)
        await guarded.get("/flags", 401, headers=WRONG)
    entries = (await guarded.get("/audit", headers=OPERATOR))["entries"]
    refused = [entry for entry in entries if entry["action"] == "refused"]
    assert [(entry["by"], entry["flag"]) for entry in refused] == [
        ("unknown", ""),
        ("board", "site"),
    ]
    guarded.clock.now += 61
    await guarded.get("/flags", 401, headers=WRONG)
    entries = (await guarded.get("/audit", headers=OPERATOR))["entries"]
    assert len([entry for entry in entries if entry["action"] == "refused"]) == 3


async def test_a_token_shows_in_no_log_and_no_answer(
    guarded: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await guarded.get("/flags", 401, headers=bearer("leaked-guess"))
    await guarded.patch("site", {"enabled": 1}, 422, headers=OPERATOR)
    audit = await guarded.get("/audit", headers=OPERATOR)
    for secret in ("leaked-guess", "operator-secret", "viewer-secret"):
        assert secret not in caplog.text
        assert secret not in str(audit)
        assert secret not in repr(guarded.state.settings)


async def test_what_was_not_noted_is_counted_in_the_next_that_is(guarded: Stage) -> None:
    for _ in range(5):
        await guarded.get("/flags", 401, headers=WRONG)
    guarded.clock.now += 61
    await guarded.get("/flags", 401, headers=WRONG)
    (entry, *_) = (await guarded.get("/audit", headers=OPERATOR))["entries"]
    assert "GET" in entry["reason"]
    assert "127.0.0.1" in entry["reason"]
    assert entry["reason"].endswith("(4 refusals before it were not noted)")


async def test_two_tokens_of_one_role_are_told_apart(start: Any) -> None:
    tokens = tuple(Token(name, Secret(f"{name}-secret"), Role.OPERATOR) for name in ("one", "two"))
    stage = await start(tokens=tokens)
    for name in ("one", "two"):
        document = await stage.patch("site", {"ttl": 1}, headers=bearer(f"{name}-secret"))
        assert document["by"] in {"one", "two"}
        entries = (await stage.get("/audit", headers=bearer("one-secret")))["entries"]
        assert entries
