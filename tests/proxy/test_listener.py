"""The public port: TCP, TLS or a Unix socket."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gateway.config.settings import Address, Timeouts, Tls
from gateway.core.flags import Flag, FlagState
from tests.support.proxy_stage import Stage
from tests.support.wire import RawClient, Wire, head, ok, turns, within

SITE = Flag("site", FlagState(enabled=True))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=a.test", "-keyout", str(key)]
    subprocess.run([*command, "-out", str(cert)], check=True, capture_output=True)
    return Tls(cert, key)


class TlsClient:
    """TLS by hand over a raw client: nothing is read or sent but what the test asks for."""

    def __init__(self, client: RawClient) -> None:
        self.client = client
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2", "http/1.1"])
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out)
        self.text = b""

    async def shake_hands(self) -> None:
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                self._in.write(await self.client.some())
            else:
                await self._flush()
                return

    async def send(self, data: bytes) -> None:
        for start in range(0, len(data), 1 << 16):
            self.tls.write(data[start : start + (1 << 16)])
            await self._flush()

    async def until(self, end: bytes) -> bytes:
        while end not in self.text:
            try:
                self.text += self.tls.read(1 << 16)
            except ssl.SSLWantReadError:
                self._in.write(await self.client.some())
        return self.text

    async def say_goodbye(self) -> None:
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.unwrap()
        await self._flush()

    async def _flush(self) -> None:
        await self.client.send(self._out.read())


async def tls_client(stage: Stage) -> TlsClient:
    client = TlsClient(await stage.client())
    await client.shake_hands()
    return client


async def test_tls_clients_are_served_and_the_app_is_told(start: Any, certificate: Tls) -> None:
    stage = await start(tls=certificate)
    client = await tls_client(stage)
    assert client.tls.selected_alpn_protocol() == "http/1.1"
    await client.send(head(b"GET / HTTP/1.1", b"Host: a"))
    app, request = await stage.app.serve()
    await app.send(ok())

    assert (await client.until(b"hello")).startswith(b"HTTP/1.1 200 OK\r\n")
    assert request.one(b"X-Forwarded-Proto") == b"https"
    assert request.one(b"X-Forwarded-For") == b"127.0.0.1"


async def test_a_tls_client_can_read_the_answer_to_a_large_refused_upload(
    start: Any, certificate: Tls
) -> None:
    stage = await start(SITE, tls=certificate)
    client = await tls_client(stage)
    await client.send(head(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 8000000"))
    await client.send(bytes(8_000_000))

    assert b" 503 " in await client.until(b"\r\n\r\n")
    await stage.after(5.1)
    await stage.after(5.1)
    await stage.until(lambda: not stage.plane.clients, "the line has ended")


async def test_a_tls_client_that_says_goodbye_has_left(start: Any, certificate: Tls) -> None:
    """TLS has no half-close here; and the log stays clean."""
    stage = await start(tls=certificate)
    client = await tls_client(stage)
    await client.send(head(b"GET / HTTP/1.1", b"Host: a"))
    app, _ = await stage.app.serve()
    await client.say_goodbye()
    await stage.until(lambda: not stage.plane.clients, "the client is gone")

    assert len(stage.plane.in_flight) == 1
    await app.send(ok())
    await stage.idle()


async def test_a_truncated_answer_is_seen_over_tls(start: Any, certificate: Tls) -> None:
    stage = await start(tls=certificate)
    client = await tls_client(stage)
    await client.send(head(b"GET / HTTP/1.1", b"Host: a"))
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK") + b"hel")
    await client.until(b"hel")
    app.reset()

    assert await client.client.drop() == "reset"  # and no goodbye


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\0\xff\1"])
async def test_what_is_no_tls_is_dropped_in_the_time_of_a_head(
    start: Any, certificate: Tls, data: bytes
) -> None:
    stage = await start(tls=certificate, timeouts=Timeouts(header=0.1))
    client = await stage.client()
    await client.send(data)

    assert await client.drop() in {"closed", "reset"}
    assert stage.app.untouched()


async def test_a_slow_client_over_tls_stops_the_app(start: Any, certificate: Tls) -> None:
    stage = await start(tls=certificate)
    client = await tls_client(stage)
    await client.send(head(b"GET / HTTP/1.1", b"Host: a"))
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Length: 500000000"))
    await app.stuff()
    (connection,) = stage.plane.clients

    assert connection.transport.get_write_buffer_size() < 2_000_000


async def test_a_unix_socket_is_listened_on_and_one_left_behind_taken_over(
    start: Any, tmp_path: Path
) -> None:
    path = tmp_path / "gateway.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    stage = await start(listen=Address(path=str(path)))
    assert stage.address == f"unix:{path}"

    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(path))
    client = Wire(sock)
    await client.send(head(b"GET / HTTP/1.1", b"Host: a"))
    app, request = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Length: 9") + b"hello")
    assert request.one(b"X-Forwarded-For") == b"unknown"
    await client.until(b"hello")
    app.close()
    assert await client.ended() == "closed"  # short of its length
    client.close()


async def test_another_file_in_the_sockets_place_is_not_taken_away(
    start: Any, tmp_path: Path
) -> None:
    path = tmp_path / "precious"
    path.write_text("mine")
    with pytest.raises(OSError, match=r"precious|in use"):
        await start(listen=Address(path=str(path)))

    assert path.read_text() == "mine"


async def test_an_app_behind_a_unix_socket(start: Any, tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    listener.setblocking(False)  # noqa: FBT003 its own signature
    stage = await start(upstream=Address(path=str(path)))
    client = await stage.client()
    loop = asyncio.get_running_loop()
    for number in range(2):
        await client.get()
        if not number:
            sock, _ = await within(loop.sock_accept(listener), "a connection to the app")
            app = Wire(sock)
        await app.message()
        await app.send(ok())
        assert (await client.answer()).body == b"hello"
    await turns()
    app.close()
    listener.close()
