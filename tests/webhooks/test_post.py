"""One POST each: what is sent, and what is made of every way that it may fail."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config.settings import Secret, Webhook
from gateway.webhooks.message import Message
from gateway.webhooks.outcome import Outcome, Verdict
from gateway.webhooks.post import Post
from tests.support.certificates import self_signed
from tests.support.receiver import Answer, Receiver

MESSAGE = Message("evt_a_1", b'{"type":"webhook.test"}')


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


async def send(url: str, **more: object) -> Outcome:
    async with Post() as post:
        return await post.send(Webhook("w", Secret(url), **more), MESSAGE)  # type: ignore[arg-type]


async def test_a_message_is_one_post_of_json(receiver: Receiver) -> None:
    outcome = await send(f"{receiver.url}/plain?key=1")
    assert outcome == Outcome(Verdict.DELIVERED, 200)
    (got,) = receiver.at("/plain?key=1")
    assert got.body == MESSAGE.body
    assert got.fields["content-type"] == "application/json"
    assert got.fields["user-agent"].startswith("maintenance-gateway/")
    assert got.id == "evt_a_1"


async def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.answers = [Answer(307, {"Location": f"{receiver.url}/elsewhere"})]
    assert (await send(f"{receiver.url}/moved")).verdict is Verdict.REFUSED
    assert receiver.at("/elsewhere") == []


async def test_what_the_receiver_says_beside_its_status_is_read_in_bounds(
    receiver: Receiver,
) -> None:
    receiver.answers = [Answer(body=b"x" * 50_000_000)]
    assert (await send(f"{receiver.url}/large")).verdict is Verdict.DELIVERED


async def test_one_that_does_not_answer_is_given_up_in_time(receiver: Receiver) -> None:
    receiver.open.clear()
    try:
        outcome = await send(f"{receiver.url}/silent", timeout=0.1)
    finally:
        receiver.open.set()
    assert outcome == Outcome(Verdict.RETRY, error="no answer within 0.1 s")


async def test_why_it_failed_never_names_the_address() -> None:
    outcome = await send("http://127.0.0.1:1/s3cret")
    assert outcome.verdict is Verdict.RETRY
    assert outcome.error is not None
    assert outcome.error == "no connection: Connection refused"


async def test_tls_to_one_that_speaks_none_is_an_outcome_too(receiver: Receiver) -> None:
    outcome = await send(receiver.url.replace("http:", "https:") + "/s3cret")
    assert outcome.verdict is Verdict.RETRY
    assert "s3cret" not in str(outcome.error)


async def test_a_certificate_that_nobody_vouches_for_is_not_believed(tmp_path: Path) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*self_signed(tmp_path, "IP:127.0.0.1"))
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
    async with server:
        outcome = await send(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/s3cret")
    assert outcome == Outcome(Verdict.RETRY, error="its certificate is not believed")
