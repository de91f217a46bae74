"""Real proxies with the gateway beside them: the configurations of ``deploy/forward-auth``.

nginx, Caddy and HAProxy run. Of Traefik and Envoy, which no package here has, the requests are
made that their configuration and documentation say they make.
"""

from __future__ import annotations

import http.server
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.support.gateway_process import GatewayProcess
from tests.support.ports import free_port
from tests.support.servers import BIN, Program

DEPLOY = Path(__file__).parents[2] / "deploy" / "forward-auth"
VISITOR, OFFICE = "127.0.0.2", "127.0.0.3"
HTML = {"Accept": "text/html"}
FLAGS = f"""
trusted_proxies: [127.0.0.1]
flags:
  search: {{enabled: true, paths: [/search], page: {{message: A new index., retry_after: 2m}}}}
  writes: {{enabled: true, paths: [/writes], mode: read-only}}
  told: {{enabled: true, paths: [/told], mode: notice, notice: {{banner: soon}}}}
  office: {{enabled: true, paths: [/office], allow: {{ips: [{OFFICE}]}}}}
  reindex: {{paths: [/account], user: {{cookie: uid}}, users: [ann]}}
"""


@dataclass(frozen=True, slots=True)
class Said:
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def seen(self) -> Any:
        """What the app saw: the request line's method and target, its fields, its body."""
        assert self.status == 200, self
        return json.loads(self.body)


class _Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        fields = {name.lower(): value for name, value in self.headers.items()}
        text = json.dumps([self.command, self.path, fields, body]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the base class's name
        """Says nothing."""

    do_GET = do_POST = answer  # noqa: N815 the names that the base class asks for


@dataclass(frozen=True, slots=True)
class Front:
    """A proxy that runs, for visitors from any address of 127.0.0.0/8."""

    program: Program
    port: int

    def ask(
        self,
        target: str,
        method: str = "GET",
        body: str | None = None,
        source: str = VISITOR,
        **fields: str,
    ) -> Said:
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        connection = HTTPConnection("127.0.0.1", self.port, 30, source_address=(source, 0))
        try:
            connection.request(method, target, body, headers)
            answer = connection.getresponse()
            return Said(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def log_tail(self) -> str:
        return self.program.log_tail()


@pytest.fixture(scope="module")
def app() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def gateway(app: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("forward-auth")
    with GatewayProcess(folder, f"http://127.0.0.1:{app}", FLAGS) as process:
        yield process


def _nginx(folder: Path, text: str) -> list[str]:
    # Where a package puts its files, only root may write.
    own = f"access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};"
    rest = "".join(f" {name}_temp_path {folder};" for name in ("fastcgi", "uwsgi", "scgi"))
    config = folder / "nginx.conf"
    config.write_text(text.replace("http {", f"http {{ {own}{rest}", 1))
    options = f"daemon off; master_process off; pid {folder}/pid; error_log stderr;"
    return ["nginx", "-p", str(folder), "-c", str(config), "-g", options]


def _caddy(folder: Path, text: str) -> list[str]:
    config = folder / "Caddyfile"
    config.write_text(text)
    return [program_of("caddy") or "", "run", "--adapter", "caddyfile", "--config", str(config)]


def _haproxy(folder: Path, text: str) -> list[str]:
    config = folder / "haproxy.cfg"
    config.write_text(text)
    return ["haproxy", "-db", "-C", str(folder), "-f", str(config)]


RUN: dict[str, tuple[str, Callable[[Path, str], list[str]]]] = {
    "nginx": ("nginx.conf", _nginx),
    "caddy": ("Caddyfile", _caddy),
    "haproxy": ("haproxy.cfg", _haproxy),
}


def program_of(name: str) -> str | None:
    beside = BIN / name
    return str(beside) if beside.exists() else shutil.which(name)


def front(name: str, folder: Path, control: int, app: int) -> Front:
    """The proxy as it is documented, but for the ports."""
    if program_of(name) is None:
        pytest.skip(f"there is no {name} here")
    port, (config, command) = free_port(), RUN[name]
    ports = {"9090": control, "8000": app, "8080": port}

    def placed(file: str) -> str:
        text = (DEPLOY / file).read_text()
        return re.sub(r"\b(9090|8000|8080)\b", lambda found: str(ports[found[1]]), text)

    (folder / "gateway.lua").write_text(placed("gateway.lua"))
    line = command(folder, placed(config))
    env = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    program = Program(name, line, log=folder / f"{name}.log", ports=[port], cwd=folder, env=env)
    return Front(program, port)


@pytest.fixture(scope="module", params=RUN)
def site(
    request: pytest.FixtureRequest,
    gateway: GatewayProcess,
    app: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp(request.param)
    found = front(request.param, folder, gateway.control, app)
    with found.program:
        yield found


def test_a_visitor_who_is_held_gets_the_gateway_s_page(site: Front) -> None:
    page = site.ask("/search?q=1", **HTML)
    assert (page.status, page.headers.get_content_type()) == (503, "text/html")
    assert (page.headers["X-Maintenance"], page.headers["Retry-After"]) == ("search", "120")
    assert page.headers["Cache-Control"] == "no-store"
    assert b"A new index." in page.body
    for_programs = site.ask("/search", Accept="application/json")
    assert for_programs.status == 503
    assert json.loads(for_programs.body)["flag"] == "search"
    head = site.ask("/search", "HEAD", **HTML)
    assert (head.status, head.headers["X-Maintenance"], head.body) == (503, "search", b"")
    sent = site.ask("/search", "POST", "x" * 100_000)
    assert (sent.status, sent.headers["X-Maintenance"]) == (503, "search")
    assert b"nothing was saved" in sent.body


def test_who_is_not_held_reaches_the_app(site: Front) -> None:
    method, target, _, _ = site.ask("/books%2F1?q=a%20b&c=").seen
    assert (method, target) == ("GET", "/books%2F1?q=a%20b&c=")
    method, target, _, body = site.ask("/books", "POST", "title=x").seen
    assert (method, target, body) == ("POST", "/books", "title=x")


def test_method_cookie_and_address_are_the_visitor_s(site: Front) -> None:
    assert site.ask("/writes").status == 200
    assert site.ask("/writes", "POST", "a").headers["X-Maintenance"] == "writes"
    assert site.ask("/account", Cookie="uid=ann").headers["X-Maintenance"] == "reindex"
    assert site.ask("/account", Cookie="uid=bob").status == 200
    assert site.ask("/office").headers["X-Maintenance"] == "office"
    assert site.ask("/office", source=OFFICE).status == 200


def test_a_visitor_cannot_speak_for_the_proxy(site: Front) -> None:
    theirs = {
        "X_Forwarded_Uri": "/books",
        "X_Forwarded_Method": "GET",
        "X_Forwarded_Host": "other.test",
        "X_Forwarded_For": OFFICE,
    }
    for target, method in (("/search", "GET"), ("/writes", "POST"), ("/office", "GET")):
        assert site.ask(target, method, **theirs).status == 503, target
    assert site.ask("/%73earch").status == 503
    assert site.ask("/writes", X_HTTP_Method_Override="DELETE").status == 503
    assert site.ask("/auth").seen[1] == "/auth"  # the app's own


def test_a_websocket_is_no_read(site: Front) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec_WebSocket_Version": "13"}
    said = site.ask("/writes", Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==", **upgrade)
    assert (said.status, said.headers["X-Maintenance"]) == (503, "writes")


def test_the_app_is_told_of_a_notice_by_the_gateway_alone(site: Front) -> None:
    assert site.ask("/told", X_Maintenance_Notice="mine").seen[2]["x-maintenance-notice"] == "told"
    assert "x-maintenance-notice" not in site.ask("/books", X_Maintenance_Notice="mine").seen[2]


def test_a_flip_is_seen_with_the_next_request(site: Front, gateway: GatewayProcess) -> None:
    gateway.flip("search", enabled=False)
    assert site.ask("/search").status == 200
    gateway.flip("search", enabled=True)
    assert site.ask("/search").status == 503


@pytest.mark.parametrize("name", RUN)
def test_without_the_gateway_nothing_gets_through(name: str, app: int, tmp_path: Path) -> None:
    alone = front(name, tmp_path, free_port(), app)
    with alone.program:
        assert alone.ask("/books").status >= 500


def call(gateway: GatewayProcess, method: str, path: str, fields: dict[str, str]) -> Said:
    return Front(gateway.program, gateway.control).ask(path, method, source="127.0.0.1", **fields)


def test_traefik_gets_the_page_for_the_request_that_it_makes(gateway: GatewayProcess) -> None:
    config = yaml.safe_load((DEPLOY / "traefik.yaml").read_text())
    forward_auth = config["http"]["middlewares"]["maintenance"]["forwardAuth"]
    address = urlsplit(forward_auth["address"])

    def ask(method: str, uri: str, **fields: str) -> Said:
        # It is always a GET without a body, with the visitor's fields but hop-by-hop ones.
        forwarded = {"Method": method, "Proto": "http", "Host": "shop.test", "Uri": uri}
        forwarded["For"] = VISITOR
        named = {f"X-Forwarded-{name}": value for name, value in forwarded.items()}
        return call(gateway, "GET", f"{address.path}?{address.query}", named | fields)

    held = ask("GET", "/search?q=1", **HTML)
    assert (held.status, held.headers.get_content_type()) == (503, "text/html")
    assert ask("POST", "/writes").status == 503
    assert ask("GET", "/writes", **{"Sec-WebSocket-Key": "x"}).status == 503
    assert ask("GET", "/books").status == 200
    (notice,) = forward_auth["authResponseHeaders"]
    assert ask("GET", "/told").headers[notice] == "told"


def test_envoy_is_denied_with_the_page_for_the_request_that_it_makes(
    gateway: GatewayProcess,
) -> None:
    config = yaml.safe_load((DEPLOY / "envoy.yaml").read_text())
    (chain,) = config["static_resources"]["listeners"][0]["filter_chains"]
    manager = chain["filters"][0]["typed_config"]
    (ext_authz,) = (
        each["typed_config"] for each in manager["http_filters"] if "ext_authz" in each["name"]
    )
    prefix = ext_authz["http_service"]["path_prefix"]

    def ask(method: str, path: str, **fields: str) -> Said:
        # The visitor's method, Host and fields, no body, its own address behind the visitor's.
        way = {"Host": "shop.test", "Content-Length": "0", "X-Envoy-Internal": "true"}
        way["X-Forwarded-For"] = f"{VISITOR}, 127.0.0.1"
        return call(gateway, method, prefix + path, way | fields)

    held = ask("GET", "/search?q=1", **HTML)
    assert (held.status, held.headers["X-Maintenance"]) == (403, "search")
    assert b"A new index." in held.body
    assert ask("POST", "/writes").status == 403
    assert ask("GET", "/office").status == 403
    assert ask("GET", "/books", Authorization="Basic YTpi", Origin="http://shop.test").status == 200
    (notice,) = ext_authz["http_service"]["authorization_response"]["allowed_upstream_headers"][
        "patterns"
    ]
    assert ask("GET", "/told").headers[notice["exact"]] == "told"
    (mapper,) = manager["local_reply_config"]["mappers"]
    assert mapper["status_code"] == 503
    assert ext_authz["failure_mode_allow"] is False


def test_a_drain_says_that_it_does_not_see_what_goes_on_elsewhere(gateway: GatewayProcess) -> None:
    named = {"X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/office"}
    exempt = {"X-Forwarded-Host": "shop.test", "X-Forwarded-For": OFFICE}
    assert call(gateway, "GET", "/auth", named | exempt).status == 200
    gateway.flip("search", enabled=False)
    assert call(gateway, "GET", "/auth", named | {"X-Forwarded-Uri": "/search"}).status == 200
    gateway.flip("search", enabled=True)
    assert "search" in gateway.call("GET", "status").document["unseen"]
    refused = gateway.call("POST", "flags/search/drain", {"timeout": 30})
    assert (refused.status, refused.document["unseen"]) == (504, True)
    assert "another proxy" in refused.document["reason"]
    taken_on = gateway.call("POST", "flags/search/drain", {"accept_unseen": True})
    assert (taken_on.status, taken_on.document["unseen"]) == (200, True)
    seen = gateway.call("POST", "flags/office/drain", {"timeout": 30})
    assert (seen.status, seen.document["unseen"]) == (200, False)
    metrics = gateway.call("GET", "/metrics").document
    assert 'gateway_auth_decisions_total{decision="refuse"}' in metrics
