"""The public port, where it is a Unix socket; and the app behind one."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from gateway.config.settings import Address
from tests.support.wire import Wire, head, ok, turns, within


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
