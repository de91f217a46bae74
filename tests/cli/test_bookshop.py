"""The sample site: what the gateway is tried with must work without it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import urllib.request

import aiohttp
import pytest
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient

from gateway.demo.app import make_shop
from gateway.demo.books import BOOKS
from gateway.demo.process import bookshop


@pytest.fixture
async def shop(aiohttp_client: AiohttpClient) -> TestClient:
    return await aiohttp_client(make_shop())


@pytest.mark.parametrize("path", ["/", "/search", "/login", "/cart", "/upload", "/live"])
async def test_every_page_is_whole_and_loads_nothing_from_elsewhere(
    shop: TestClient, path: str
) -> None:
    answer = await shop.get(path)
    text = await answer.text()
    assert answer.status == 200
    assert text.rstrip().endswith("</html>")
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in text


async def test_search_finds_by_title_and_author_and_escapes_what_was_asked(
    shop: TestClient,
) -> None:
    assert "Middlemarch" in await (await shop.get("/search", params={"q": "eliot"})).text()
    text = await (await shop.get("/search", params={"q": "<b>no such"})).text()
    assert "0 found" in text
    assert "<b>no such" not in text


async def test_a_reader_signs_in_by_cookie_and_out_again(shop: TestClient) -> None:
    assert (await shop.get("/account")).url.path == "/login"
    answer = await shop.post("/login", data={"name": "alice"})
    assert (answer.url.path, answer.status) == ("/account", 200)
    assert answer.history[0].cookies["uid"].value == "alice"
    assert "Hello, Alice" in await answer.text()
    await shop.post("/logout")
    assert (await shop.get("/account")).url.path == "/login"


async def test_nobody_else_gets_in(shop: TestClient) -> None:
    assert (await shop.post("/login", data={"name": "mallory"})).status == 403


async def test_the_cart_is_kept_in_a_cookie(shop: TestClient) -> None:
    await shop.post("/cart", data={"add": "1"})
    text = await (await shop.post("/cart", data={"add": "2"})).text()
    assert "Cart (2)" in text
    assert "Moby-Dick" in text
    text = await (await shop.post("/cart", data={"remove": "2"})).text()
    assert "Cart (1)" in text
    assert "Moby-Dick" not in text


@pytest.mark.parametrize("cart", ["", "1.x.999.1", "²", "1" * 5000])
async def test_an_odd_cart_is_read_as_far_as_it_goes(shop: TestClient, cart: str) -> None:
    answer = await shop.get("/cart", headers={"Cookie": f"cart={cart}"})
    assert answer.status == 200


async def test_the_items_are_json(shop: TestClient) -> None:
    assert (await (await shop.get("/api/items")).json())["count"] == len(BOOKS)
    assert (await (await shop.get("/api/items/3")).json())["title"] == "Frankenstein"
    assert (await shop.get("/api/items/999999999999")).status == 404


async def test_uploads_are_counted_and_hashed(shop: TestClient) -> None:
    body = b"x" * 300_000
    digest = hashlib.sha256(body).hexdigest()
    plain = await (await shop.put("/upload", data=body)).json()
    assert plain == {"bytes": len(body), "sha256": digest}
    form = aiohttp.FormData()
    form.add_field("file", body, filename="a.bin")
    answer = await (await shop.post("/upload", data=form)).json()
    assert answer == {"files": [{"name": "a.bin", "bytes": len(body), "sha256": digest}]}


async def test_slow_answers_after_as_long_as_asked(shop: TestClient) -> None:
    assert await (await shop.get("/slow", params={"seconds": "0.01"})).json() == {"slept": 0.01}
    for seconds in ("-1", "nan", "61", "soon"):
        assert (await shop.get("/slow", params={"seconds": seconds})).status == 400


async def test_events_come_one_by_one(shop: TestClient) -> None:
    async with shop.get("/events") as answer:
        assert answer.content_type == "text/event-stream"
        first = [await answer.content.readline() for _ in range(4)]
    assert first[:2] == [b"id: 1\n", b"event: tick\n"]
    assert json.loads(first[2].removeprefix(b"data: "))["tick"] == 1


async def test_the_web_socket_echoes(shop: TestClient) -> None:
    async with shop.ws_connect("/ws") as ws:
        await ws.send_str("hello")
        assert await ws.receive_str() == "hello"
        await ws.send_bytes(b"\0\1")
        assert await ws.receive_bytes() == b"\0\1"


async def test_as_a_child_process_it_answers_from_the_start_and_ends_with_its_parent() -> None:
    def visit() -> tuple[str, int]:
        with bookshop(0) as address, urllib.request.urlopen(f"{address}/healthz") as answer:  # noqa: S310
            assert answer.read() == b"ok\n"
            return address, int(address.rpartition(":")[2])

    _, port = await asyncio.to_thread(visit)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_port_that_is_taken_is_replaced_by_a_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with bookshop(port) as address:
            assert address != f"http://127.0.0.1:{port}"
