"""No secret shows in anything that a gateway emits: answers, log, audit, metrics, command line."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway_process import TOKEN, GatewayProcess, Reply
from tests.support.servers import wait_until

VIEWER, SCRAPE, KEY, GUESS, SPELT = (
    "s3cret-of-the-viewer",
    "s3cret-of-the-scraper",
    "s3cret-of-the-link",
    "s3cret-that-was-guessed",
    "s3cret-misspelt",
)
HOOK, SIGNS = "s3cret-address", "czNjcmV0LXRoYXQtc2lnbnMtYWxsLW9mLWl0"
SECRETS = (TOKEN, VIEWER, SCRAPE, KEY, GUESS, SPELT, HOOK, SIGNS)
FLAGS = f"""
webhooks: {{w: {{url: "http://127.0.0.1:1/{HOOK}", secret: {SIGNS}, timeout: 1s}}}}
flags:
  site: {{}}
  reindex: {{user: {{cookie: uid}}, allow: {{key: {KEY}}}}}
"""
CALLS = (
    *(("GET", path) for path in ("/", "/healthz", "/readyz", "/metrics", "flags", "flags/site")),
    *(("GET", path) for path in ("status", "guards", "openapi.json", "audit", "explain?url=/")),
    ("GET", "webhooks"),
    ("POST", "webhooks/w/test"),
    *(("GET", path) for path in ("nothing", "flags/nothing", "explain?url=", "audit?limit=x")),
    *(("PATCH", "flags/site"), ("POST", "flags/site"), ("DELETE", "members/nobody")),
    *(("PUT", "flags/reindex/users/ann"), ("POST", "flags/site/drain"), ("POST", "flags/x/guards")),
)
# Each of these is an edit that is wrong, with a secret near what is wrong.
EDITS = (
    f"control: {{token: '{SPELT} with a space'}}",
    f"control: {{token: *{SPELT}}}",
    f"control: {{token: [{SPELT}]}}",
    f"control: {{token: &{SPELT} a, metrics_token: &{SPELT} b}}",
    f'control: {{token: "{SPELT}\\q"}}',
    f"control: {{tokens: {{ci: {SPELT}}}}}",
    f"control: {{token: {SPELT}}}}}",
    f"store: redis://ann:{SPELT}@",
    f"upstream: http://ann:{SPELT}@app:1",
    f"flags: {{site: {{allow: {{key: [{SPELT}]}}}}}}",
    f"webhooks: {{w: {{url: 'ftp://{SPELT}', secret: {SPELT}}}}}",
    f"webhooks: {{w: {{url: 'http://x/{SPELT} y'}}}}",
    f"webhooks: {{w: http://x/{SPELT}}}",
)


class Told:
    """All that was emitted, piece by piece, with what it was."""

    def __init__(self) -> None:
        self.pieces: list[tuple[str, str]] = []

    def add(self, what: str, said: object) -> None:
        self.pieces.append((what, str(said)))

    def leaks(self, *more: str) -> Iterator[tuple[str, str]]:
        for what, said in self.pieces:
            for secret in (*SECRETS, *more):
                if secret in said:
                    yield what, secret


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GatewayProcess]:
    monkeypatch.setenv("GATEWAY_LOG_LEVEL", "debug")
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    tokens = f"tokens: {{board: {{token: {VIEWER}}}}}, metrics_token: {SCRAPE}"
    process = GatewayProcess(tmp_path, "http://127.0.0.1:9", FLAGS)
    text = process.config_text(FLAGS).replace(f"token: {TOKEN}", f"token: {TOKEN}, {tokens}")
    process.replace_config(text)
    with process:
        yield process


def test_no_secret_shows_in_anything_that_is_emitted(gateway: GatewayProcess) -> None:
    told = Told()
    call_all(gateway, told)
    send_garbage(gateway, told)
    edit_wrongly(gateway, told)
    run_commands(gateway, told)
    token = follow_link(gateway, told)
    os.kill(gateway.program.pid, signal.SIGHUP)
    read_files(gateway, told)
    assert len(told.pieces) > 100
    assert dict(told.leaks(token)) == {}


def call_all(gateway: GatewayProcess, told: Told) -> None:
    statuses = set()
    for token in (TOKEN, VIEWER, SCRAPE, GUESS, None):
        for method, path in CALLS:
            document = {"enabled": "maybe"} if method in {"PATCH", "POST"} else None
            reply = gateway.call(method, path, document, token=token)
            statuses.add(reply.status)
            told.add(f"{method} {path}", reply)
    assert statuses >= {200, 400, 401, 403, 404, 405, 422, 429}


def send_garbage(gateway: GatewayProcess, told: Told) -> None:
    line = f"Authorization: Bearer {TOKEN}".encode()
    for port in (gateway.control, gateway.port):
        for field in (line + b"\x00", line + b"x" * 70_000, b" " + line, b"\x01" + line):
            with socket.create_connection(("127.0.0.1", port), 30) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + field + b"\r\n\r\n")
                told.add("an answer to garbage", received(client))


def received(client: socket.socket) -> bytes:
    pieces = []
    try:
        while piece := client.recv(65_536):
            pieces.append(piece)
    except ConnectionResetError:
        pass
    return b"".join(pieces)


def edit_wrongly(gateway: GatewayProcess, told: Told) -> None:
    good = gateway.config.read_text()

    def status() -> Reply:
        return gateway.call("GET", "status")

    for edit in EDITS:
        key = edit.partition(":")[0]
        kept = [line for line in good.splitlines() if not line.startswith(f"{key}:")]
        if key == "flags":
            kept = kept[: kept.index("")]
        gateway.replace_config("\n".join([*kept, edit, ""]))
        wait_until(lambda: not status().document["config"]["valid"], f"{edit} is seen", within=60)
        told.add("status", status())
        told.add("readyz", gateway.call("GET", "/readyz"))
        if edit is EDITS[0]:
            told.add("check", gateway.cli("check", "-c", str(gateway.config)))
        gateway.replace_config(good)
        wait_until(lambda: status().document["config"]["valid"], "it is mended", within=60)


def run_commands(gateway: GatewayProcess, told: Told) -> None:
    for words in (
        ("status",),
        ("on", "nothing"),
        ("status", "--token", GUESS),
        ("audit", "--json"),
    ):
        done = gateway.cli(*words)
        told.add(f"gateway {words[0]}", done.stdout + done.stderr)


def follow_link(gateway: GatewayProcess, told: Told) -> str:
    """The token of a link that was made, followed and borne, right and wrong."""
    token: str = gateway.call("POST", "flags/reindex/bypass", {"for": "2h"}).document["token"]
    cookie = f"Cookie: maintenance-bypass.reindex={token}"
    for path in (f"?token={token}x", f"/end?token={token}", f"/{token}"):
        with socket.create_connection(("127.0.0.1", gateway.port), 30) as client:
            target = f"/-/maintenance/bypass/reindex{path}"
            lines = ("GET", target, f"HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\nConnection: close")
            client.sendall(f"{' '.join(lines)}\r\n\r\n".encode())
            told.add("an answer to a link", received(client))
    done = gateway.cli("explain", "/", "-H", cookie)
    told.add("gateway explain", done.stdout + done.stderr)
    for path in ("flags", "status", "audit", "/metrics"):
        told.add(path, gateway.call("GET", path))
    return token


def read_files(gateway: GatewayProcess, told: Told) -> None:
    told.add("the log", gateway.program.log.read_text())
    for path in filter(Path.is_file, gateway.folder.rglob("gateway.db*")):
        told.add(path.name, path.read_bytes())
    assert "refused" in gateway.program.log.read_text()
