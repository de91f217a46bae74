"""Connections that a balancer begins with a PROXY header."""

from __future__ import annotations

import socket
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from gateway.config.certificates import certificate
from gateway.config.settings import Address, Timeouts, Tls
from gateway.core.flags import Exemptions, Flag, FlagState
from tests.support.certificates import self_signed
from tests.support.proxy_headers import V4, V6, v2
from tests.support.tls_client import tls_client
from tests.support.wire import Wire, head, ok

LOOPBACK = (ip_network("127.0.0.0/8"),)
ELSEWHERE = (ip_network("10.0.0.0/8"),)
GET = head(b"GET / HTTP/1.1", b"Host: a.test")
LINE = b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 443\r\n"
IN_TWO = v2(0x21, 0x21, V6 + b"\x04\0\x05extra")


@pytest.mark.parametrize(
    ("header", "visitor"),
    [
        (LINE, b"192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 ::1 1 2\r\n", b"2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", b"127.0.0.1"),
        (v2(0x21, 0x11, V4), b"192.0.2.7"),
        (IN_TWO, b"2001:db8::7"),
        (v2(0x20, 0x00, b""), b"127.0.0.1"),
        (v2(0x21, 0x31, bytes(216)), b"127.0.0.1"),
    ],
)
async def test_the_app_is_told_of_the_visitor_behind_the_balancer(
    start: Any, header: bytes, visitor: bytes
) -> None:
    stage = await start(proxy_protocol=LOOPBACK)
    client = await stage.client()
    await client.send(header + GET + GET)
    app, request = await stage.app.serve()
    assert request.one(b"X-Forwarded-For") == visitor
    assert request.one(b"X-Forwarded-Proto") == b"http"
    await app.send(ok())
    second = await app.message()
    await app.send(ok())

    assert second.one(b"X-Forwarded-For") == visitor
    assert [(await client.answer()).body for _ in range(2)] == [b"hello"] * 2


@pytest.mark.parametrize("header", [LINE, IN_TWO])
async def test_a_header_may_come_in_any_pieces(start: Any, header: bytes) -> None:
    stage = await start(proxy_protocol=LOOPBACK)
    for cut in (1, 5, 12, 15, 16, 17, len(header) - 1):
        client = await stage.client()
        await client.send(header[:cut])
        await stage.until(lambda: bool(stage.plane.arriving), "it arrives")
        await client.send(header[cut:])
        await stage.until(lambda: not stage.plane.arriving, "it has arrived")
        await client.send(b"BAD\r\n\r\n")
        assert (await client.answer()).status == 400


async def test_the_visitor_is_who_an_exemption_is_for(start: Any) -> None:
    allow = Exemptions(networks=(ip_network("192.0.2.0/24"),))
    stage = await start(Flag("site", FlagState(enabled=True), allow=allow), proxy_protocol=LOOPBACK)
    held = await stage.client()
    await held.send(b"PROXY TCP4 198.51.100.1 192.0.2.1 1 2\r\n" + GET)
    assert (await held.answer()).status == 503
    let_by = await stage.client()
    await let_by.send(LINE + GET)
    app, _ = await stage.app.serve()
    await app.send(ok())

    assert (await let_by.answer()).status == 200


@pytest.mark.parametrize(
    ("proxies", "forwarded"),
    [
        (LOOPBACK, b"192.0.2.7"),
        ((ip_network("192.0.2.7/32"),), b"203.0.113.9, 192.0.2.7"),
    ],
)
async def test_the_visitor_is_who_may_be_a_trusted_proxy(
    start: Any, proxies: Any, forwarded: bytes
) -> None:
    """The balancer's own address counts no more, even where it is one of a trusted proxy."""
    stage = await start(proxy_protocol=LOOPBACK, trusted_proxies=proxies)
    client = await stage.client()
    await client.send(
        LINE + head(b"GET / HTTP/1.1", b"Host: a.test", b"X-Forwarded-For: 203.0.113.9")
    )
    _, request = await stage.app.serve()

    assert request.one(b"X-Forwarded-For") == forwarded


async def test_trust_that_changes_keeps_the_visitor(start: Any) -> None:
    stage = await start(proxy_protocol=LOOPBACK)
    client = await stage.client()
    await client.send(LINE + GET)
    app, _ = await stage.app.serve()
    await app.send(ok())
    await client.answer()
    stage.take_settings(trusted_proxies=LOOPBACK)
    await client.send(GET)

    assert (await app.message()).one(b"X-Forwarded-For") == b"192.0.2.7"


@pytest.mark.parametrize(
    "data",
    [GET, b"PROXY TCP4 192.0.2.7 nowhere 1 2\r\n" + GET, v2(0x22, 0x11, V4), b"\x16\x03\x01\x02"],
)
async def test_a_balancer_without_a_right_header_is_hung_up_on(
    start: Any, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    stage = await start(proxy_protocol=LOOPBACK)
    client = await stage.client()
    await client.send(data)

    assert await client.rest_or_reset() == b""
    assert stage.app.untouched()
    assert "a connection from 127.0.0.1: " in caplog.text
    caplog.clear()


@pytest.mark.parametrize("data", [b"", LINE[:20], IN_TWO[:20]])
async def test_a_header_has_the_time_of_a_head(start: Any, data: bytes) -> None:
    stage = await start(proxy_protocol=LOOPBACK, timeouts=Timeouts(header=0.1))
    client = await stage.client()
    await client.send(data)

    assert await client.drop() in {"closed", "reset"}


async def test_a_look_from_a_balancer_that_says_nothing_is_no_trouble(start: Any) -> None:
    stage = await start(proxy_protocol=LOOPBACK)
    client = await stage.client()
    client.half_close()

    assert await client.ended() == "closed"


@pytest.mark.parametrize("header", [LINE, IN_TWO])
async def test_anybody_else_s_header_is_a_bad_request(start: Any, header: bytes) -> None:
    stage = await start(proxy_protocol=ELSEWHERE)
    client = await stage.client()
    await client.send(header + GET)
    answer = await client.answer()

    assert answer.status == 400
    assert await client.ended() == "closed"
    assert stage.app.untouched()


async def test_anybody_else_is_served_as_ever(start: Any) -> None:
    stage = await start(proxy_protocol=ELSEWHERE)
    client = await stage.client()
    await client.send(GET)
    app, request = await stage.app.serve()
    await app.send(ok())

    assert request.one(b"X-Forwarded-For") == b"127.0.0.1"
    assert (await client.answer()).body == b"hello"


@pytest.mark.parametrize("header", [LINE, IN_TWO])
async def test_the_header_comes_before_the_handshake(
    start: Any, header: bytes, tmp_path: Path
) -> None:
    tls = Tls((certificate(*self_signed(tmp_path, "DNS:a.test")),))
    stage = await start(proxy_protocol=LOOPBACK, tls=tls)
    client = await tls_client(stage, first=header)
    await client.send(GET)
    app, request = await stage.app.serve()
    await app.send(ok())

    assert request.one(b"X-Forwarded-For") in {b"192.0.2.7", b"2001:db8::7"}
    assert request.one(b"X-Forwarded-Proto") == b"https"
    assert b" 200 " in await client.until(b"hello")


async def test_whoever_opens_a_unix_socket_introduces_visitors(start: Any, tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    stage = await start(proxy_protocol=ELSEWHERE, listen=Address(path=str(path)))
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(path))
    client = Wire(sock)
    await client.send(LINE + GET)
    app, request = await stage.app.serve()
    await app.send(ok())

    assert request.one(b"X-Forwarded-For") == b"192.0.2.7"
    assert (await client.message()).body == b"hello"
    client.close()
