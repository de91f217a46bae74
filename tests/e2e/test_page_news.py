"""What reaches visitors without a flip: a page from elsewhere, and how far the command is."""

from __future__ import annotations

import http.server
import json
import threading
import urllib.error
import urllib.request
from pathlib import Path

from tests.support.gateway_process import GatewayProcess
from tests.support.servers import wait_until

OURS = "<!doctype html><title>Ours</title>"
FLAGS = "flags: {site: {enabled: true, page: {progress: true}}}\n"


class _Elsewhere(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        page = OURS.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 its own signature
        """Not to the tests' output."""


def asked(gateway: GatewayProcess, accept: str) -> tuple[int, str]:
    request = urllib.request.Request(gateway.url, headers={"Accept": accept})  # noqa: S310 our own
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 as above
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_page_from_elsewhere_and_the_commands_progress_reach_visitors(tmp_path: Path) -> None:
    elsewhere = http.server.HTTPServer(("127.0.0.1", 0), _Elsewhere)
    threading.Thread(target=elsewhere.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{elsewhere.server_port}/x"
    page = f"page: {{url: '{url}?key=secret'}}\n"
    with GatewayProcess(tmp_path / "g", "http://127.0.0.1:9", FLAGS, extra=page) as gateway:
        wait_until(lambda: asked(gateway, "text/html")[1].startswith(OURS), "the page")
        assert asked(gateway, "text/html")[0] == 503
        (shown,) = gateway.call("GET", "status").document["pages"]
        assert (shown["url"], shown["error"]) == (url, None)

        guard = {"owner": "me", "command": "migrate"}
        assert gateway.call("POST", "flags/site/guards", guard).status == 201
        news = {"state": "guarding", "progress": {"done": 1, "of": 4}}
        assert gateway.call("PUT", "flags/site/guards/me", news).status == 200
        wait_until(
            lambda: json.loads(asked(gateway, "application/json")[1]).get("progress") == 25,
            "progress",
        )
    elsewhere.shutdown()
    elsewhere.server_close()
