"""A pytest plugin for other people's suites: what httpbin's servers serve is asked for through us.

Runs in the suites' own environment, which knows pytest-httpbin and not the gateway. Each server
of pytest-httpbin gets a gateway in front of it, started with the command in ``THROUGH_COMMAND``
(none: it is asked straight), and tells tests the gateway's port. httpbin's own tests call a WSGI
application in memory; here their client goes over the wire to the same servers instead.
``OUTCOMES`` is the file that gets one line a test.
"""

from __future__ import annotations

import http.client
import os
import random
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import httpbin
import pytest
from pytest_httpbin import certs, serve
from werkzeug.test import Client

COMMAND = os.environ.get("THROUGH_COMMAND")
READY = 60.0  # seconds


class Gateway:
    """``gateway serve`` in front of one server, in a folder of its own."""

    def __init__(self, server: serve.Server) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.port = _free_port()
        tls = ""
        if server.protocol == "https":
            shown = Path(serve.CERT_DIR)
            tls = f"tls: {{cert: {shown}/server.pem, key: {shown}/server.key}}\n"
        config = Path(self._folder.name) / "config.yaml"
        config.write_text(
            f"upstream: {server.protocol}://127.0.0.1:{server.port}\n"
            f"listen: 127.0.0.1:{self.port}\n{tls}"
            "trusted_proxies: [127.0.0.1/32]\n"  # some tests play one
            "control: {listen: null}\nstore: 'memory:'\nflags: {site: {}}\n"
        )
        command = [*(COMMAND or "").split(), "serve", "-c", str(config)]
        environ = {**os.environ, "SSL_CERT_FILE": certs.where()}
        self._process = subprocess.Popen(command, env=environ)
        self._wait()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    def _wait(self) -> None:
        deadline = time.monotonic() + READY
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.05)
            else:
                return


def _free_port() -> int:
    while True:  # below the ephemeral range
        port = random.randrange(20_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


_enter, _exit = serve.Server.__enter__, serve.Server.__exit__


def _entered(server: serve.Server) -> serve.Server:
    _enter(server)
    server.straight = server.port
    server.gateway = Gateway(server) if COMMAND else None
    if server.gateway is not None:
        server.port = server.gateway.port
    return server


def _exited(server: serve.Server, *args: Any) -> Any:
    if server.gateway is not None:
        server.gateway.stop()
    server.port = server.straight
    return _exit(server, *args)


class WireClient(Client):
    """Flask's test client, but for the wire in its middle."""

    server: serve.Server | None = None

    def __init__(self, application: Any, *args: Any, **words: Any) -> None:
        super().__init__(application, application.response_class, *args, **words)

    def run_wsgi_app(self, environ: dict[str, Any], buffered: bool = False) -> Any:  # noqa: FBT001, FBT002 its own signature
        if WireClient.server is None:
            WireClient.server = serve.Server(application=httpbin.app).__enter__()
        line = http.client.HTTPConnection("127.0.0.1", WireClient.server.port, timeout=60)
        line.putrequest(
            environ["REQUEST_METHOD"],
            environ.get("REQUEST_URI") or environ["PATH_INFO"],
            skip_host=True,
            skip_accept_encoding=True,
        )
        body = environ["wsgi.input"].read()
        for name, value in _fields(environ, len(body)):
            line.putheader(name, value)
        line.endheaders(body)
        answer = line.getresponse()
        with answer:
            data = b"" if environ["REQUEST_METHOD"] == "HEAD" else answer.read()
        line.close()
        headers = type(self.application.response_class().headers)(answer.getheaders())
        return [data], f"{answer.status} {answer.reason}", headers


def _fields(environ: dict[str, Any], length: int) -> list[tuple[str, str]]:
    fields = [
        (name[5:].replace("_", "-").title(), value)
        for name, value in environ.items()
        if name.startswith("HTTP_") and name != "HTTP_TRANSFER_ENCODING"
    ]
    if environ.get("CONTENT_TYPE"):
        fields.append(("Content-Type", environ["CONTENT_TYPE"]))
    if length or environ.get("CONTENT_LENGTH"):
        fields.append(("Content-Length", str(length)))
    return fields


def pytest_configure(config: pytest.Config) -> None:
    serve.Server.__enter__ = _entered
    serve.Server.__exit__ = _exited
    httpbin.app.test_client = lambda *args, **words: WireClient(httpbin.app, *args, **words)


def pytest_unconfigure(config: pytest.Config) -> None:
    if WireClient.server is not None:
        WireClient.server.__exit__(None, None, None)
        WireClient.server = None


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or report.outcome != "passed":
        with Path(os.environ["OUTCOMES"]).open("a") as file:
            outcome = "xfailed" if hasattr(report, "wasxfail") else report.outcome
            file.write(f"{report.nodeid}\t{report.when} {outcome}\n")
