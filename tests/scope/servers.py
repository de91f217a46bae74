"""The apps of the table: frameworks under their servers, each with the same pages.

``search`` is at ``/search`` and below it, ``help`` at ``/help`` and below, ``other`` is any other
path. Each is asked straight, with a target byte for byte, and says which page it took.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port
from tests.support.servers import BIN, Program, gunicorn

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# Where tests/install-servers.sh puts them.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
MODULES = CACHE / "maintenance-gateway" / "node"
TIMEOUT = 60.0  # seconds; only a hang meets it

NAMES = (
    "Flask, gunicorn",
    "Flask, Werkzeug",
    "Flask, waitress",
    "Django, gunicorn",
    "Starlette, uvicorn",
    "aiohttp",
    "Express 5",
    "Express 4",
    "nginx, prefix",
    "nginx, regex",
)


@dataclass(frozen=True, slots=True)
class Said:
    """What came back: the page reached (``-``: none was, with this status), and for whom."""

    status: int
    page: str
    host: str = ""
    cookie: str = ""
    header: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """One of ``NAMES``, listening on ``port``."""

    name: str
    port: int
    program: Program

    def log_tail(self) -> str:
        return self.program.log_tail()

    def ask(self, target: bytes, *lines: bytes, host: bytes = b"shop.example") -> Said:
        """What the app makes of a request, each of ``lines`` a field as it stands."""
        fields = (b"Host: " + host, *lines, b"Connection: close", b"", b"")
        return self.send(b"\r\n".join((b"GET " + target + b" HTTP/1.1", *fields)))

    def send(self, head: bytes) -> Said:
        """The same for a whole head, which must ask for the connection to be closed."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT) as sock:
            sock.sendall(head)
            return _said(b"".join(iter(lambda: _received(sock), b"")))


def missing(name: str) -> str | None:
    """Why a server cannot be asked on this machine."""
    if name.startswith("nginx") and shutil.which("nginx") is None:
        return "there is no nginx here"
    if name.startswith("Express") and not (
        shutil.which("node") and (MODULES / "node_modules" / "express4").exists()
    ):
        return "there is no Express here (node, and npm's express)"
    return None


@contextmanager
def serve(name: str, folder: Path) -> Iterator[Server]:
    """The server of that name, while the block runs."""
    program, port = _MAKERS[name.partition(",")[0].split()[0]](name, folder)
    with ExitStack() as stack:
        stack.enter_context(program)
        yield Server(name, port, program)


def _received(sock: socket.socket) -> bytes:
    try:
        return sock.recv(65_536)
    except ConnectionResetError:
        return b""


def _said(answer: bytes) -> Said:
    head, _, body = answer.partition(b"\r\n\r\n")
    status = int(head.split(b" ")[1]) if head.startswith(b"HTTP/1.") else 0
    if status != 200:
        return Said(status, "-")
    if b"transfer-encoding: chunked" in head.lower():
        body = body.partition(b"\r\n")[2].rpartition(b"\r\n0\r\n")[0]
    return Said(status, *body.decode("utf-8", "surrogateescape").split("\n"))


def _python(name: str, folder: Path, *command: str, port: int) -> tuple[Program, int]:
    env = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    log = folder / "app.log"
    return Program(name, command, log=log, ports=[port], env=env), port


def _flask(name: str, folder: Path) -> tuple[Program, int]:
    port = free_port()
    if name.endswith("Werkzeug"):
        return _python(
            name, folder, sys.executable, "-m", "tests.scope.flask_app", str(port), port=port
        )
    if name.endswith("waitress"):
        listen = f"--listen=127.0.0.1:{port}"
        return _python(
            name,
            folder,
            str(BIN / "waitress-serve"),
            listen,
            "tests.scope.flask_app:app",
            port=port,
        )
    return gunicorn("tests.scope.flask_app:behind_proxy", folder, env={"PYTHONPATH": str(ROOT)})


def _django(_name: str, folder: Path) -> tuple[Program, int]:
    return gunicorn("tests.scope.django_app:app", folder, env={"PYTHONPATH": str(ROOT)})


def _starlette(name: str, folder: Path) -> tuple[Program, int]:
    port = free_port()
    options = ("--port", str(port), "--log-level", "warning")
    return _python(
        name, folder, str(BIN / "uvicorn"), *options, "tests.scope.starlette_app:app", port=port
    )


def _aiohttp(name: str, folder: Path) -> tuple[Program, int]:
    port = free_port()
    return _python(
        name, folder, sys.executable, "-m", "tests.scope.aiohttp_app", str(port), port=port
    )


def _express(name: str, folder: Path) -> tuple[Program, int]:
    port = free_port()
    module = "express" if name.endswith("5") else "express4"
    command = ["node", str(HERE / "express_app.js"), str(MODULES), module, str(port)]
    return Program(name, command, log=folder / "node.log", ports=[port]), port


def _nginx(name: str, folder: Path) -> tuple[Program, int]:
    prefix, expression = free_port(), free_port()
    text = (HERE / "nginx.conf").read_text()
    for word, value in (
        ("FOLDER", folder),
        ("PREFIX_PORT", prefix),
        ("EXPRESSION_PORT", expression),
    ):
        text = text.replace(word, str(value))
    config = folder / "nginx.conf"
    config.write_text(text)
    command = ["nginx", "-p", str(folder), "-e", str(folder / "nginx.log"), "-c", str(config)]
    port = prefix if name.endswith("prefix") else expression
    return Program(name, command, log=folder / "output.log", ports=[prefix, expression]), port


_MAKERS: dict[str, Callable[[str, Path], tuple[Program, int]]] = {
    "Flask": _flask,
    "Django": _django,
    "Starlette": _starlette,
    "aiohttp": _aiohttp,
    "Express": _express,
    "nginx": _nginx,
}
