"""The other proxies: each forwards on one port and refuses with a 1 KiB page on another.

Every one is configured as its manual has it for speed: one worker, keep-alive on both
sides, no access log.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

BODY_BYTES = 1024
PAGE_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the app listens; where the proxy is to forward, and where to refuse."""

    app: int
    forward: int
    refuse: int


@dataclass(frozen=True, slots=True)
class Start:
    """How to start one peer, and the environment it wants on top of ours."""

    command: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = ()


def page_html() -> str:
    """A maintenance page of exactly 1 KiB, the same for every proxy."""
    head = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<title>Maintenance</title></head><body><h1>Back soon</h1><p>"
    )
    tail = "</p></body></html>"  # no line end: Jinja2 would take it away
    text = "We are moving to a bigger house and will be back shortly. " * 20
    return head + text[: PAGE_BYTES - len(head) - len(tail)] + tail


def start_app(folder: Path, port: int) -> Start:
    """nginx as the app: a 1 KiB answer from memory, whatever the target."""
    body = ("0123456789abcdef" * 64)[:BODY_BYTES]
    return _start_nginx(
        folder,
        f"""
        server {{
            listen 127.0.0.1:{port} backlog=1024;
            location / {{ default_type text/plain; return 200 "{body}"; }}
        }}""",
    )


def _nginx(folder: Path, ports: Ports, page: Path, access_log: str = "off") -> Start:
    return _start_nginx(
        folder,
        f"""
        upstream app {{
            server 127.0.0.1:{ports.app};
            keepalive 256;
            keepalive_requests 100000000;
        }}
        server {{
            listen 127.0.0.1:{ports.forward} backlog=1024;
            location / {{
                proxy_pass http://app;
                proxy_http_version 1.1;
                proxy_set_header Connection "";
            }}
        }}
        server {{
            listen 127.0.0.1:{ports.refuse} backlog=1024;
            error_page 503 /page.html;
            location / {{ return 503; }}
            location = /page.html {{ internal; root {page.parent}; }}
            open_file_cache max=10;
        }}""",
        access_log,
    )


def _nginx_logging(folder: Path, ports: Ports, page: Path) -> Start:
    return _nginx(folder, ports, page, f"{folder}/access.log combined buffer=64k flush=1s")


def _start_nginx(folder: Path, servers: str, access_log: str = "off") -> Start:
    folder.mkdir()
    config = folder / "nginx.conf"
    config.write_text(
        f"""
    daemon off;
    user root;
    worker_processes 1;
    pid {folder}/nginx.pid;
    error_log stderr error;
    events {{ worker_connections 4096; multi_accept on; }}
    http {{
        access_log {access_log};
        server_tokens off;
        keepalive_requests 100000000;
        keepalive_timeout 300s;
        client_body_temp_path {folder}/body;
        proxy_temp_path {folder}/proxy;
        fastcgi_temp_path {folder}/fastcgi;
        uwsgi_temp_path {folder}/uwsgi;
        scgi_temp_path {folder}/scgi;
        {servers}
    }}
    """
    )
    return Start((shutil.which("nginx") or "nginx", "-c", str(config), "-p", str(folder)))


def _haproxy(folder: Path, ports: Ports, page: Path) -> Start:
    folder.mkdir()
    config = folder / "haproxy.cfg"
    config.write_text(
        f"""
global
    maxconn 4096
    nbthread 1
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout http-keep-alive 60s
frontend forward
    bind 127.0.0.1:{ports.forward}
    default_backend app
backend app
    http-reuse always
    server app 127.0.0.1:{ports.app}
frontend refuse
    bind 127.0.0.1:{ports.refuse}
    http-request return status 503 content-type text/html file {page} hdr Retry-After 300
"""
    )
    return Start((shutil.which("haproxy") or "haproxy", "-db", "-q", "-f", str(config)))


def _caddy(folder: Path, ports: Ports, page: Path) -> Start:
    folder.mkdir()
    config = folder / "Caddyfile"
    config.write_text(
        f"""
{{
    admin off
    auto_https off
    persist_config off
}}
http://127.0.0.1:{ports.forward} {{
    bind 127.0.0.1
    reverse_proxy 127.0.0.1:{ports.app} {{
        transport http {{
            keepalive_idle_conns_per_host 256
        }}
    }}
}}
http://127.0.0.1:{ports.refuse} {{
    bind 127.0.0.1
    header Content-Type text/html
    header Retry-After 300
    respond `{page.read_text()}` 503
}}
"""
    )
    home = ("XDG_DATA_HOME", str(folder)), ("XDG_CONFIG_HOME", str(folder))
    command = (_caddy_program() or "caddy", "run", "--config", str(config))
    return Start(command, (("GOMAXPROCS", "1"), *home))


def _caddy_program() -> str | None:
    # The PyPI package puts it beside our own python.
    beside = Path(sys.executable).parent / "caddy"
    return str(beside) if beside.exists() else shutil.which("caddy")


def _aiohttp(folder: Path, ports: Ports, page: Path) -> Start:
    folder.mkdir()
    script = Path(__file__).with_name("aiohttp_proxy.py")
    origin = f"http://127.0.0.1:{ports.app}"
    command = (sys.executable, str(script), origin, str(ports.forward), str(ports.refuse))
    return Start((*command, str(page)))


Starter = Callable[[Path, Ports, Path], Start]
PEERS: dict[str, Starter] = {
    "nginx": _nginx,
    "HAProxy": _haproxy,
    "Caddy": _caddy,
    "aiohttp": _aiohttp,
}

# Beside the others when asked for: what an access log costs.
LOGGING: dict[str, Starter] = {"nginx, access log": _nginx_logging}


def missing_programs() -> dict[str, str]:
    """What is not here, by the name of the column it would fill (``wrk``: the load)."""
    found = {
        "wrk": shutil.which("wrk"),
        "nginx": shutil.which("nginx"),
        "HAProxy": shutil.which("haproxy"),
        "Caddy": _caddy_program(),
    }
    return {name: f"{name} is not installed" for name, path in found.items() if path is None}
