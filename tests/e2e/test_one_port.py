"""One port for all: control plane and toggle endpoint under their paths, and nothing else moved."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.support.exchange import Ask, Fields, Got, Line, exchange
from tests.support.gateway_process import TOKEN, GatewayProcess
from tests.support.plain_app import PlainApp
from tests.support.servers import wait_until

FLAGS = """
flags:
  site: {}
  gone: {paths: [/gone], enabled: true, allow: {key: key-of-the-links}}
"""
PATH = "/-/maintenance"
KEY = "toggle-key-of-the-tests"
BEARER: Fields = (("Authorization", f"Bearer {TOKEN}"),)
JSON: Fields = (*BEARER, ("Content-Type", "application/json"))


class OnePort(GatewayProcess):
    """Without a control listener of its own; two workers."""

    def config_text(self, flags: str) -> str:
        toggle = f"{{path: /maintenance, key: {KEY}}}"
        control = f"{{listen: null, token: {TOKEN}, path: {PATH}, toggle: {toggle}}}"
        written = super().config_text(flags)
        lines = [line for line in written.splitlines() if not line.startswith("control:")]
        return "\n".join([*lines, f"control: {control}", "workers: 2", ""])


@pytest.fixture(scope="module")
def app() -> Iterator[PlainApp]:
    with PlainApp() as running:
        yield running


@pytest.fixture(scope="module")
def running(app: PlainApp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    gateway = OnePort(tmp_path_factory.mktemp("one-port"), app.url, FLAGS)
    gateway.program._ports = [gateway.port]
    with gateway:
        yield gateway


@pytest.fixture
def gateway(running: GatewayProcess) -> Iterator[GatewayProcess]:
    yield running
    assert call(running, "/api/v1/flags/site/override", "DELETE").status == 200
    wait_until(lambda: ask(running, "/") == 200, "the site is open")


def call(
    gateway: GatewayProcess,
    path: str,
    method: str = "GET",
    body: object = None,
    fields: Fields = JSON,
) -> Got:
    data = b"" if body is None else json.dumps(body).encode()
    return exchange(gateway.port, Ask(PATH + path, method, fields, data))


def toggle(gateway: GatewayProcess, method: str, query: str = f"?access_key={KEY}") -> Got:
    return exchange(gateway.port, Ask(f"/maintenance{query}", method))


def ask(gateway: GatewayProcess, target: str) -> int:
    return exchange(gateway.port, Ask(target)).status


def test_the_api_is_on_the_public_port_while_the_site_is_held(gateway: GatewayProcess) -> None:
    flipped = call(gateway, "/api/v1/flags/site", "PATCH", {"enabled": True})
    assert flipped.status == 200
    wait_until(lambda: ask(gateway, "/") == 503, "the site is held")
    assert json.loads(call(gateway, "/api/v1/flags/site").body)["enabled"] is True
    drained = call(gateway, "/api/v1/flags/site/drain", "POST", {"timeout": 30})
    assert (drained.status, json.loads(drained.body)["drained"]) == (200, True)
    assert call(gateway, "/api/v1/flags/site", "PATCH", {"enabled": False}).status == 200


def test_a_bypass_link_is_made_followed_borne_and_revoked_there(gateway: GatewayProcess) -> None:
    made = call(gateway, "/api/v1/flags/gone/bypass", "POST", {"for": "1h", "url": "/gone"})
    assert made.status == 201

    followed = exchange(gateway.port, Ask(json.loads(made.body)["url"]))

    assert (followed.status, followed.one("location")) == (303, "/gone")
    borne = (("Cookie", (followed.one("set-cookie") or "").partition(";")[0]),)

    def bearing() -> list[Got]:  # each on a connection of its own, to either worker
        return [exchange(gateway.port, Ask("/gone", fields=borne)) for _ in range(8)]

    assert {answer.one("x-maintenance-bypass") for answer in bearing()} == {"gone"}
    assert ask(gateway, "/gone") == 503
    assert call(gateway, "/api/v1/flags/gone/bypass", "DELETE").status == 200
    wait_until(
        lambda: {answer.status for answer in bearing()} == {503},
        "both workers know of it",
        within=60,
    )


def test_nothing_but_health_is_told_without_a_token(gateway: GatewayProcess) -> None:
    assert call(gateway, "/healthz", fields=()).status == 200
    assert call(gateway, "/readyz", fields=()).status == 200
    for path in ("/api/v1/flags", "/api/v1/status", "/metrics", "/no/such/call"):
        assert call(gateway, path, fields=()).status == 401, path
    assert call(gateway, "/metrics").status == 200
    assert call(gateway, "/api/v1/flags/site", "PATCH", {"enabled": True}, ()).status == 401
    foreign = (*JSON, ("Origin", "https://elsewhere.example"))
    assert call(gateway, "/api/v1/flags/site", "PATCH", {"enabled": True}, foreign).status == 403


def test_no_visitor_asks_for_another_proxy(gateway: GatewayProcess) -> None:
    asked = (("X-Forwarded-Method", "GET"), ("X-Forwarded-Uri", "/"))
    for path in ("/auth", "/auth?dialect=nginx", "/auth/page", "/auth/envoy/"):
        assert call(gateway, path, fields=asked).status in {400, 403}, path
        assert call(gateway, path, fields=(*asked, *BEARER)).status in {400, 403}, path


def test_only_the_path_as_it_is_written_is_a_call(gateway: GatewayProcess) -> None:
    for target in (
        "/-/Maintenance/api/v1/flags",
        "/-/maintenanc%65/api/v1/flags",
        "//-/maintenance/api/v1/flags",
        "/-/./maintenance/api/v1/flags",
        "/-/maintenance/../maintenance/api/v1/flags",
        "/-/maintenance/api/%2e%2e/api/v1/flags",
        "/-/maintenance/api/v1/..",
        "/-/maintenance\\api\\v1\\flags",
        "/-/maintenance;a/api/v1/flags",
        "/-/maintenances",
        "/api/v1/flags",
        "/maintenance/",
        "/Maintenance",
        "/maintenance%3Faccess_key=x",
    ):
        got = exchange(gateway.port, Ask(target))
        assert got.status == 200, target
        assert got.body.startswith(b"GET /"), target  # as the app says it
    assert ask(gateway, "/gone") == 503
    assert exchange(gateway.port, Ask(PATH)).one("location") == f"{PATH}/"
    assert call(gateway, "/").status == 200


def test_calls_and_requests_share_a_connection(gateway: GatewayProcess) -> None:
    with Line(gateway.port) as line:
        for _ in range(3):
            assert line.ask(Ask(f"{PATH}/healthz")).status == 200
            assert line.ask(Ask("/page", "POST", body=b"1234")).body == b"POST /page 4"
            assert line.ask(Ask(f"{PATH}/api/v1/status")).status == 401
            assert line.ask(Ask("/page")).body == b"GET /page 0"


def test_wrong_tokens_are_counted_by_client_and_noted(gateway: GatewayProcess) -> None:
    wrong = (("Authorization", "Bearer guess"), ("X-Maintenance-Client", "198.51.100.7"))
    with Line(gateway.port) as line:  # one worker
        found = {line.ask(Ask(f"{PATH}/api/v1/flags", fields=wrong)).status for _ in range(10)}
        assert found == {401}
        assert line.ask(Ask(f"{PATH}/api/v1/flags", fields=wrong)).status == 429
    noted = json.loads(call(gateway, "/api/v1/audit").body)["entries"]
    refused = [each["reason"] for each in noted if each["action"] == "refused"]
    assert "from 127.0.0.1:" in refused[0]
    assert call(gateway, "/api/v1/flags").status == 200


def test_the_dashboard_is_there_and_the_app_gets_none_of_its_cookies(
    gateway: GatewayProcess,
) -> None:
    html = (("Accept", "text/html"), ("X-Forwarded-Proto", "https"))
    assert call(gateway, "/", fields=html).one("location") == "./login"
    cookie = call(gateway, "/login", fields=html).one("set-cookie")
    assert f"Path={PATH}/" in cookie
    assert "Secure" not in cookie  # a client's own word is not the scheme


def test_the_toggle_turns_the_flag_on_and_off(gateway: GatewayProcess) -> None:
    assert json.loads(toggle(gateway, "GET").body)["enabled"] is False
    assert json.loads(toggle(gateway, "POST").body)["enabled"] is True
    wait_until(lambda: ask(gateway, "/") == 503, "the site is held")
    bearer = (("Authorization", f"Bearer {KEY}"),)
    off = exchange(gateway.port, Ask("/maintenance", "DELETE", bearer))
    assert (off.status, json.loads(off.body)["enabled"]) == (200, False)
    assert off.one("cache-control") == "no-store"
    entry = json.loads(call(gateway, "/api/v1/audit?limit=1").body)["entries"][0]
    assert (entry["by"], entry["reason"]) == ("toggle", "the toggle endpoint")


def test_the_toggle_is_nobody_s_without_its_key(gateway: GatewayProcess) -> None:
    for query in ("", "?access_key=", "?access_key=guess", f"?access_key={TOKEN}"):
        for method in ("GET", "POST", "DELETE"):
            assert toggle(gateway, method, query).status in {401, 429}, (query, method)
    foreign = (("Origin", "https://elsewhere.example"),)
    asked = Ask(f"/maintenance?access_key={KEY}", "POST", foreign)
    assert exchange(gateway.port, asked).status == 403
    assert toggle(gateway, "PUT").status == 405
    assert json.loads(toggle(gateway, "GET").body)["enabled"] is False
    assert KEY not in gateway.program.log.read_text()
