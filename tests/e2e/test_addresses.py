"""TLS, the PROXY protocol, Unix sockets and names, with the real program and its workers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.gateway_process import GatewayProcess
from tests.support.plain_app import PlainApp
from tests.support.ports import free_port
from tests.support.servers import BIN, Program, wait_until
from tests.support.workers import children, listening

VISITOR = b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n"
GET = b"GET /page HTTP/1.1\r\nHost: shop.test\r\n\r\n"
WORKERS = 2
SECONDS = 60.0  # a fail-safe


@pytest.fixture(scope="module")
def app() -> Iterator[PlainApp]:
    with PlainApp() as app:
        yield app


class Visitor:
    """A TLS connection that a balancer has begun with a PROXY header."""

    def __init__(self, gateway: GatewayProcess, authority: Authority) -> None:
        raw = socket.create_connection(("127.0.0.1", gateway.port), SECONDS)
        raw.sendall(VISITOR)
        context = ssl.create_default_context(cafile=authority.cert)
        self._socket = context.wrap_socket(raw, server_hostname="shop.test")

    def serial(self) -> object:
        return (self._socket.getpeercert() or {})["serialNumber"]

    def ask(self) -> bytes:
        """The answer, whose body is short."""
        self._socket.sendall(GET)
        answer = b""
        while b"\r\n\r\nGET /page 0" not in answer:
            more = self._socket.recv(65_536)
            assert more, f"the connection ended after {answer!r}"
            answer += more
        return answer

    def close(self) -> None:
        self._socket.close()


def serving(gateway: GatewayProcess) -> set[int]:
    return {pid for pid in children(gateway.program.pid) if listening(pid, gateway.port)}


def serials(gateway: GatewayProcess, authority: Authority) -> set[object]:
    """Of the certificates that many new connections are shown, whichever worker has them."""
    found = set()
    for _ in range(12):
        visitor = Visitor(gateway, authority)
        found.add(visitor.serial())
        visitor.close()
    return found


def test_workers_renew_certificates_and_are_replaced_without_dropping_anybody(
    app: PlainApp, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    authority.issue("shop", "DNS:shop.test")
    extra = f"workers: {WORKERS}\ntls: {{cert: {tmp_path}/shop.pem, key: {tmp_path}/shop.key}}\n"
    extra += "proxy_protocol: [127.0.0.1]\n"
    with GatewayProcess(
        tmp_path / "gateway", app.url, "flags: {site: {}}\n", extra=extra
    ) as gateway:
        wait_until(lambda: len(serving(gateway)) == WORKERS, "all workers listen", within=SECONDS)
        kept = Visitor(gateway, authority)
        old = kept.serial()
        assert serials(gateway, authority) == {old}

        renewed = authority.issue("renewed", "DNS:shop.test")
        for path, name in zip(renewed, ("shop.pem", "shop.key"), strict=True):
            path.rename(tmp_path / name)
        wait_until(
            lambda: old not in serials(gateway, authority), "every worker renewed", within=SECONDS
        )
        assert len(serials(gateway, authority)) == 1
        assert kept.ask().startswith(b"HTTP/1.1 200 ")

        (tmp_path / "shop.key").write_text("broken")
        (error,) = wait_until(
            lambda: gateway.call("GET", "status").document["config"]["errors"],
            "the broken key shows",
            within=SECONDS,
        )
        assert "tls.key: cannot be used together with cert" in error["text"]
        assert old not in serials(gateway, authority)

        authority.issue("shop", "DNS:shop.test")
        before = serving(gateway)
        wait_until(
            lambda: not gateway.call("GET", "status").document["config"]["errors"],
            "it is mended",
            within=SECONDS,
        )
        os.kill(gateway.program.pid, signal.SIGHUP)
        wait_until(
            lambda: len(now := serving(gateway)) == WORKERS and not now & before,
            "all are replaced",
            within=SECONDS,
        )
        fresh = Visitor(gateway, authority)
        assert all(b"HTTP/1.1 200 " in each.ask() for each in (kept, fresh))
        for each in (kept, fresh):
            each.close()


def test_a_unix_socket_has_its_permissions_and_outlives_its_workers(
    app: PlainApp, tmp_path: Path
) -> None:
    path, control = tmp_path / "g.sock", free_port()
    config = tmp_path / "config.yaml"
    config.write_text(
        f"upstream: {app.url}\nlisten: unix:{path}\nlisten_mode: 0606\nworkers: {WORKERS}\n"
        f"control: {{listen: '127.0.0.1:{control}'}}\nstore: sqlite:{tmp_path}/gateway.db\n"
    )
    command = [str(BIN / "gateway"), "serve", "-c", str(config)]
    log = tmp_path / "gateway.log"
    with Program("gateway", command, log=log, ports=[control], cwd=tmp_path) as gateway:
        assert path.stat().st_mode & 0o777 == 0o606
        with socket.socket(socket.AF_UNIX) as visitor:
            visitor.settimeout(SECONDS)
            wait_until(lambda: not visitor.connect_ex(str(path)), "somebody listens")
            wait_until(
                lambda: f"{WORKERS} workers" in gateway.log_tail(), "all serve", within=SECONDS
            )
            before = children(gateway.pid)
            os.kill(gateway.pid, signal.SIGHUP)
            wait_until(
                lambda: "every worker is replaced" in gateway.log_tail(), "SIGHUP", within=SECONDS
            )
            assert children(gateway.pid) != before
            visitor.sendall(GET)
            assert b" 200 " in visitor.recv(65_536)
        with socket.socket(socket.AF_UNIX) as visitor:
            visitor.settimeout(SECONDS)
            visitor.connect(str(path))
            visitor.sendall(GET)
            assert b" 200 " in visitor.recv(65_536)


def _may_mount() -> bool:
    unshare = shutil.which("unshare")
    if unshare is None or not Path("/etc/hosts").exists():
        return False
    command = [unshare, "--mount", "mount", "--bind", "/etc/hosts", "/etc/hosts"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not _may_mount(), reason="unshare --mount is not there, or not allowed")
def test_an_edit_of_the_hosts_file_moves_the_app(app: PlainApp, tmp_path: Path) -> None:
    """The system's own resolver, in a namespace where /etc/hosts is a file of the test's."""
    hosts, port, control = tmp_path / "hosts", free_port(), free_port()
    hosts.write_text("127.0.0.9 shop.internal\n")  # where nobody listens
    environ = {
        "GATEWAY_UPSTREAM": f"http://shop.internal:{app.port}",
        "GATEWAY_LISTEN": f"127.0.0.1:{port}",
        "GATEWAY_CONTROL_LISTEN": f"127.0.0.1:{control}",
        "GATEWAY_STORE": "memory",
    }
    mount = f'mount --bind "{hosts}" /etc/hosts && exec "{BIN}/gateway" serve'
    command = ["unshare", "--mount", "sh", "-c", mount]
    log = tmp_path / "gateway.log"

    def status() -> bytes:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as visitor:
            visitor.sendall(GET)
            return visitor.recv(65_536).split(b" ")[1]

    with Program("gateway", command, log=log, ports=[port], env=environ, cwd=tmp_path):
        assert status() == b"502"
        hosts.write_text("127.0.0.1 shop.internal\n")
        wait_until(lambda: status() == b"200", "the name is looked up again", within=SECONDS)
        hosts.write_text("# gone\n")
        wait_until(
            lambda: "its last known addresses go on" in log.read_text(),
            "a lookup failed",
            within=SECONDS,
        )
        assert status() == b"200"
