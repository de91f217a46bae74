"""TLS to the app: verified, with the gateway's own certificate where it is asked for."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.config.certificates import client_context, load_pair
from gateway.config.settings import Address, UpstreamTls
from tests.support.certificates import Authority
from tests.support.wire import ok

Serve = Callable[..., Awaitable[int]]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("app"))
    made.issue("app", "DNS:app.test", "IP:127.0.0.1")
    made.issue("gateway", "DNS:gateway.test")
    return made


class SecureApp:
    """Answers each request with ``hello``. ``met`` is what each client showed and asked for."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.met: list[tuple[Any, str | None, str | None]] = []
        self._asked: str | None = None
        self._context = context
        context.sni_callback = self._note

    async def open(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def close(self) -> None:
        self._server.close()

    def _note(self, _connection: ssl.SSLObject, name: str | None, _context: object) -> None:
        self._asked = name

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tls = writer.get_extra_info("ssl_object")
        self.met.append((tls.getpeercert(), self._asked, tls.selected_alpn_protocol()))
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(ok())
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@pytest.fixture
async def secure(authority: Authority) -> AsyncIterator[Callable[..., Awaitable[SecureApp]]]:
    """Starts apps: ``await secure()``, or with ``asks=True`` for one that wants a certificate."""
    apps: list[SecureApp] = []

    async def secure(*, asks: bool = False, alpn: str = "http/1.1") -> tuple[SecureApp, int]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*_pair(authority, "app"))
        context.set_alpn_protocols([alpn])
        if asks:
            context.load_verify_locations(authority.cert)
            context.verify_mode = ssl.CERT_REQUIRED
        apps.append(SecureApp(context))
        return apps[-1], await apps[-1].open()

    yield secure
    for app in apps:
        app.close()


def _pair(authority: Authority, name: str) -> tuple[Path, Path]:
    folder = authority.cert.parent
    return folder / f"{name}.pem", folder / f"{name}.key"


def tls(
    ca: Path | None,
    server_name: str | None = None,
    *,
    verify: bool = True,
    pair: tuple[Path, Path] | None = None,
) -> UpstreamTls:
    context = client_context(ca, verify=verify)
    if pair is not None:
        load_pair(context, *pair)
    return UpstreamTls(server_name, verify, (), repr(ca).encode(), context)


def at(port: int, host: str = "127.0.0.1") -> Address:
    return Address(host, port, tls=True)


@pytest.mark.parametrize("server_name", [None, "app.test"])
async def test_an_app_that_shows_who_it_is_is_asked(
    start: Any, secure: Any, authority: Authority, server_name: str | None
) -> None:
    app, port = await secure()
    stage = await start(upstream=at(port), upstream_tls=tls(authority.cert, server_name))
    client = await stage.client()
    for _ in range(2):
        await client.get()
        assert (await client.answer()).body == b"hello"

    # Asked for by name where it has one (an address is none), once, and never for HTTP/2.
    assert app.met == [(None, server_name, "http/1.1")]


async def test_an_app_may_be_one_certificate_that_nobody_signed_for(
    start: Any, secure: Any, authority: Authority
) -> None:
    _, port = await secure()
    cert, _ = _pair(authority, "app")
    stage = await start(upstream=at(port), upstream_tls=tls(cert))
    client = await stage.client()
    await client.get()

    assert (await client.answer()).status == 200


@pytest.mark.parametrize(
    ("trusts", "server_name", "why"),
    [
        ("authority", "other.test", "for other.test: Hostname mismatch"),
        ("system", None, "for 127.0.0.1: unable to get local issuer certificate"),
    ],
)
async def test_an_app_that_is_not_believed_is_a_502_that_says_why(
    start: Any,
    secure: Any,
    authority: Authority,
    caplog: pytest.LogCaptureFixture,
    trusts: str,
    server_name: str | None,
    why: str,
) -> None:
    app, port = await secure()
    ca = authority.cert if trusts == "authority" else None
    stage = await start(upstream=at(port), upstream_tls=tls(ca, server_name))
    client = await stage.client()
    await client.get()
    answer = await client.answer()

    assert answer.status == 502
    assert b"certificate" not in answer.body
    assert app.met == []
    assert f"its certificate is not accepted {why}" in caplog.text
    caplog.clear()


async def test_an_app_in_the_clear_is_not_spoken_to(
    start: Any, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    stage = await start(upstream_tls=tls(authority.cert))
    stage = await start(upstream=at(stage.app.port), app=stage.app, upstream_tls=tls(None))
    client = await stage.client()
    await client.get()
    wire = await stage.app.accept()
    hello = await wire.some()
    assert b"GET" not in hello
    await wire.send(ok())

    assert (await client.answer()).status == 502
    assert "the app cannot be reached: " in caplog.text
    caplog.clear()


async def test_an_app_need_not_be_verified(start: Any, secure: Any) -> None:
    _, port = await secure()
    stage = await start(upstream=at(port), upstream_tls=tls(None, "other.test", verify=False))
    client = await stage.client()
    await client.get()

    assert (await client.answer()).status == 200


async def test_an_app_that_asks_for_a_certificate_is_shown_one(
    start: Any, secure: Any, authority: Authority
) -> None:
    app, port = await secure(asks=True)
    shown = tls(authority.cert, pair=_pair(authority, "gateway"))
    stage = await start(upstream=at(port), upstream_tls=shown)
    client = await stage.client()
    await client.get()

    assert (await client.answer()).status == 200
    assert app.met[0][0]["subject"] == ((("commonName", "gateway"),),)


async def test_an_app_that_is_shown_no_certificate_is_a_502(
    start: Any, secure: Any, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    _, port = await secure(asks=True)
    stage = await start(upstream=at(port), upstream_tls=tls(authority.cert))
    client = await stage.client()
    await client.get()

    assert (await client.answer()).status == 502
    assert "502: the app c" in caplog.text
    caplog.clear()


async def test_new_authorities_are_for_new_connections(
    start: Any, secure: Any, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    _, port = await secure()
    stage = await start(upstream=at(port), upstream_tls=tls(authority.cert))
    kept = await stage.client()
    await kept.get()
    assert (await kept.answer()).status == 200
    stage.take_settings(upstream_tls=tls(None))
    stage.plane.pool.take(None).finish()
    await kept.get()

    assert (await kept.answer()).status == 502
    caplog.clear()
