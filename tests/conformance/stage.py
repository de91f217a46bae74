"""An app with the gateway in front of it, and nginx at its defaults beside it."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.gateway_process import GatewayProcess
from tests.support.ports import free_port
from tests.support.servers import BIN, Program

ROOT = Path(__file__).parents[2]
FLAGS = "flags:\n  site: {}\n"


@dataclass(frozen=True, slots=True)
class Stage:
    """``proxies`` are ports by name; the app is asked straight at ``app``."""

    app: int
    gateway: GatewayProcess
    nginx: Nginx

    @property
    def proxies(self) -> dict[str, int]:
        return {"gateway": self.gateway.port, "nginx": self.nginx.port}

    @property
    def ports(self) -> dict[str, int]:
        return {"straight": self.app, **self.proxies}


class Nginx(Program):
    """nginx as its packages come, but for the ports; ``flip`` is a reload, its way of a flag."""

    def __init__(self, folder: Path, app: int) -> None:
        folder.mkdir()
        self.port = free_port()
        self._flag = folder / "flag.conf"
        self._flag.write_text("")
        config = folder / "nginx.conf"
        config.write_text(_CONFIG.format(folder=folder, port=self.port, app=app))
        command = [shutil.which("nginx") or "nginx", "-c", str(config), "-p", str(folder)]
        super().__init__("nginx", command, log=folder / "nginx.log", ports=[self.port])

    def flip(self, *, on: bool) -> None:
        self._flag.write_text("return 503;\n" if on else "")
        os.kill(self.pid, signal.SIGHUP)


@contextmanager
def staged(folder: Path, module: str | None = "tests.conformance.app") -> Iterator[Stage]:
    """``module`` is the app, run with its port (none: whoever comes listens there)."""
    app = free_port()
    with ExitStack() as stack:
        if module is not None:
            command = [str(BIN / "python"), "-m", module, str(app)]
            log = folder / "app.log"
            stack.enter_context(Program("app", command, log=log, ports=[app], cwd=ROOT))
        gateway = GatewayProcess(folder / "gateway", f"http://127.0.0.1:{app}", FLAGS)
        nginx = Nginx(folder / "nginx", app)
        yield Stage(app, stack.enter_context(gateway), stack.enter_context(nginx))


# A WebSocket needs three lines more; its manual has them.
_CONFIG = """
daemon off;
user root;
pid {folder}/nginx.pid;
error_log stderr crit;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map $http_upgrade $upgrading {{ default upgrade; '' close; }}
    server {{
        listen 127.0.0.1:{port};
        include {folder}/flag.conf;
        location / {{ proxy_pass http://127.0.0.1:{app}; }}
        location /ws/ {{
            proxy_pass http://127.0.0.1:{app}/;
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $upgrading;
        }}
    }}
}}
"""
