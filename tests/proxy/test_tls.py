"""TLS on the public port."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from gateway.config.certificates import certificate as load
from gateway.config.certificates import choose_by_name
from gateway.config.settings import Limits, Timeouts, Tls
from gateway.core.flags import Flag, FlagState
from gateway.proxy import descriptors
from tests.support.certificates import Authority
from tests.support.tls_client import TlsClient, client_context, tls_client
from tests.support.wire import head, ok, within

SITE = Flag("site", FlagState(enabled=True))
GET = head(b"GET / HTTP/1.1", b"Host: a")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def certificate(authority: Authority) -> Tls:
    return several(authority.issue("a", "DNS:a.test"))


def several(*pairs: tuple[Path, Path]) -> Tls:
    certificates = tuple(load(*pair) for pair in pairs)
    choose_by_name(certificates)
    return Tls(certificates)


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


async def test_a_slow_client_over_tls_stops_the_app(start: Any, certificate: Tls) -> None:
    stage = await start(tls=certificate)
    client = await tls_client(stage)
    await client.send(head(b"GET / HTTP/1.1", b"Host: a"))
    app, _ = await stage.app.serve()
    await app.send(head(b"HTTP/1.1 200 OK", b"Content-Length: 500000000"))
    await app.stuff()
    (connection,) = stage.plane.clients

    assert connection.transport.get_write_buffer_size() < 2_000_000


async def test_the_certificate_is_the_one_for_the_name_asked_for(
    start: Any, authority: Authority
) -> None:
    hosts = [["DNS:a.test"], ["DNS:B.test", "DNS:*.b.test"], ["DNS:x.b.test"]]
    stage = await start(
        tls=several(*(authority.issue(str(at), *of) for at, of in enumerate(hosts)))
    )
    asked = ["a.test", "b.test", "B.TEST", "y.b.test", "x.b.test", "z.y.b.test", "other.test", None]
    context = client_context(authority.cert)
    context.check_hostname = False
    shown = [(await tls_client(stage, context, name)).names() for name in asked]

    a, b, x = ({each.removeprefix("DNS:") for each in of} for of in hosts)
    # A name that two are for has the first of them; one that none is for, the first of all.
    assert shown == [a, b, b, b, x, a, a, a]


@pytest.mark.parametrize(
    ("least", "most", "version"),
    [
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
        (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.MAXIMUM_SUPPORTED, "TLSv1.3"),
    ],
)
async def test_the_newest_version_is_spoken_with_forward_secrecy(
    start: Any, certificate: Tls, least: ssl.TLSVersion, most: ssl.TLSVersion, version: str
) -> None:
    context = client_context()
    context.minimum_version, context.maximum_version = least, most
    client = await tls_client(await start(tls=certificate), context)
    cipher = client.tls.cipher()

    assert cipher is not None
    assert client.tls.version() == version
    assert cipher[0].startswith(("ECDHE-", "TLS_AES_", "TLS_CHACHA20_"))
    assert "SHA256" in cipher[0] or "SHA384" in cipher[0]


@pytest.mark.parametrize(
    "old",
    [
        {"maximum_version": ssl.TLSVersion.TLSv1_1},
        {"maximum_version": ssl.TLSVersion.TLSv1_2, "ciphers": "ECDHE+AES:!AESGCM:!AESCCM"},
        {"maximum_version": ssl.TLSVersion.TLSv1_2, "ciphers": "kRSA"},
    ],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1:DeprecationWarning")
async def test_old_versions_and_ciphers_are_refused(
    start: Any, certificate: Tls, old: dict[str, Any]
) -> None:
    context = client_context()
    context.set_ciphers(f"{old.get('ciphers', 'ALL')}:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = old["maximum_version"]
    with pytest.raises((ssl.SSLError, EOFError)):  # asyncio ends without the alert
        await tls_client(await start(tls=certificate), context)


async def test_plain_http_on_the_port_of_tls_is_told_so(start: Any, certificate: Tls) -> None:
    stage = await start(tls=certificate)
    client = await stage.client()
    await client.send(GET)
    answer = await client.message()

    assert answer.status == 400
    assert b"HTTPS" in answer.body
    assert answer.one(b"Connection") == b"close"
    assert await client.ended() == "closed"
    client.close()
    await stage.until(lambda: not stage.plane.clients, "the line has ended")
    assert stage.app.untouched()


@pytest.mark.parametrize("first", [b"", b"\x16", b"\x16\x03\x01\x02\0", b"\x16\x03\x01\0\xff\1"])
async def test_a_handshake_has_the_time_of_a_head(
    start: Any, certificate: Tls, first: bytes
) -> None:
    stage = await start(tls=certificate, timeouts=Timeouts(header=0.1))
    client = await stage.client()
    await client.send(first)

    assert await client.drop() in {"closed", "reset"}
    await stage.until(lambda: not stage.plane.arriving, "nobody arrives any more")
    assert stage.plane.tally.connections == 0


async def test_a_handshake_that_trickles_in_is_one_that_takes_too_long(
    start: Any, certificate: Tls
) -> None:
    stage = await start(tls=certificate, timeouts=Timeouts(header=0.3))
    client = await stage.client()
    hello = TlsClient(client, None, "a.test").hello()

    async def trickle() -> None:
        with pytest.raises(ConnectionError):  # noqa: PT012 it ends somewhere in the middle
            for at in range(len(hello) - 1):
                await client.send(hello[at : at + 1])
                await asyncio.sleep(0.02)

    await within(trickle(), "the end of patience", 60)


async def test_a_hello_cut_anywhere_is_one_hello(start: Any, certificate: Tls) -> None:
    stage = await start(tls=certificate)
    for cut in (1, 2, 5, 60):
        raw = await stage.client()
        client = TlsClient(raw)
        hello = client.hello()
        await raw.send(hello[:cut])
        await stage.until(lambda: bool(stage.plane.arriving), "it arrives")
        await raw.send(hello[cut:])
        await within(client.shake_hands(), "the handshake")


async def test_garbage_after_the_hello_ends_it_without_a_word_in_the_log(
    start: Any, certificate: Tls
) -> None:
    stage = await start(tls=certificate)
    client = await stage.client()
    await client.send(TlsClient(client).hello() + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")

    assert await client.drop() in {"closed", "reset"}
    await stage.until(lambda: not stage.plane.arriving, "nobody arrives any more")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_server_name_that_is_not_ascii_ends_that_handshake_alone(
    start: Any, authority: Authority
) -> None:
    tls = several(authority.issue("a", "DNS:a.test"), authority.issue("b", "DNS:b.test"))
    stage = await start(tls=tls)
    client = await stage.client()
    hello = TlsClient(client, None, "bbbbbb").hello().replace(b"bbbbbb", b"b\xff\xfe.te")
    await client.send(hello)

    assert await client.drop() in {"closed", "reset"}
    await tls_client(stage, None, "b.test")


async def test_no_more_arrive_at_once_than_may_be_there(start: Any, certificate: Tls) -> None:
    stage = await start(tls=certificate, limits=Limits(connections=2))
    waiting = [await stage.client() for _ in range(2)]
    await stage.until(lambda: len(stage.plane.arriving) == 2, "two arrive")
    third = await stage.client()
    assert await third.ended() in {"closed", "reset"}
    for each in waiting:
        each.close()
    await stage.until(lambda: not stage.plane.arriving, "they have left")
    served = await tls_client(stage)
    await served.send(GET)
    app, _ = await stage.app.serve()
    await app.send(ok())
    assert b" 200 " in await served.until(b"hello")


async def test_one_client_too_many_is_told_so_over_tls(start: Any, certificate: Tls) -> None:
    stage = await start(tls=certificate, limits=Limits(connections=1))
    await tls_client(stage)
    await stage.until(lambda: not stage.plane.arriving, "the first has arrived")
    second = await tls_client(stage)

    assert b" 503 " in await second.until(b"\r\n\r\n")


async def test_new_certificates_are_for_new_handshakes_and_drop_no_connection(
    start: Any, authority: Authority, certificate: Tls
) -> None:
    stage = await start(tls=certificate)
    context = client_context(authority.cert)
    context.check_hostname = False
    before = await tls_client(stage, context, "a.test")
    renewed = several(authority.issue("new", "DNS:a.test", "DNS:new.test"))
    stage.take_settings(tls=renewed)
    after = await tls_client(stage, context, "a.test")

    assert (before.names(), after.names()) == ({"a.test"}, {"a.test", "new.test"})
    await before.send(GET)
    app, _ = await stage.app.serve()
    await app.send(ok())
    assert b" 200 " in await before.until(b"hello")
    await after.send(GET)
    await app.message()
    await app.send(ok())
    assert b" 200 " in await after.until(b"hello")


async def test_a_handshake_under_way_is_waited_for_when_the_worker_leaves(
    start: Any, certificate: Tls
) -> None:
    stage = await start(tls=certificate, timeouts=Timeouts(header=60))
    stage.plane.start()
    raw = await stage.client()
    await stage.until(lambda: bool(stage.plane.arriving), "it arrives")
    stage.listener.stop()
    leaving = asyncio.create_task(stage.plane.retire(60))
    client = TlsClient(raw)
    await within(client.shake_hands(), "a handshake")
    await client.send(GET)
    app, _ = await stage.app.serve()
    await app.send(ok())
    answer = await client.until(b"hello")

    assert b"\r\nConnection: close\r\n" in answer
    raw.close()
    await within(leaving, "the worker has left", 60)


async def test_who_arrives_takes_descriptors_too(
    start: Any, certificate: Tls, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    stage = await start(tls=certificate)
    most = [descriptors._lowest_free() + 4]
    monkeypatch.setattr(descriptors, "_most", lambda: most[0])
    stage.plane.descriptors.look()
    arriving = [await stage.client() for _ in range(4)]
    await stage.until(lambda: stage.plane.descriptors.short, "descriptors are short")
    assert not stage.listener.listening
    for each in arriving:
        each.close()
    most[0] = 1 << 62
    stage.plane.descriptors.look()
    caplog.clear()

    client = await tls_client(stage)
    assert stage.listener.listening
    client.client.close()
