"""Signed so that other people's verifier takes it, and nothing else."""

from __future__ import annotations

import base64
import json
import time

import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from gateway.config.settings import Secret, Webhook, WebhookFormat
from gateway.core.events import Event, Type
from gateway.webhooks.message import Message, compose_message

SECRET = Secret("whsec_" + base64.b64encode(bytes(range(32))).decode())
EVENT = Event(Type.FLAG_ON, "evt_a_1", 1_900_000_000.0, "alice", "zoë <b>", 7, "search")


def webhook(**more: object) -> Webhook:
    return Webhook("team", Secret("https://x"), secret=SECRET, **more)  # type: ignore[arg-type]


def test_the_standard_s_own_verifier_takes_it() -> None:
    message = compose_message(EVENT, webhook())
    fields = dict(message.fields(SECRET, time.time()))
    told = Verifier(SECRET).verify(message.body, fields)
    assert (told["type"], told["id"], told["reason"]) == ("flag.on", "evt_a_1", "zoë <b>")
    assert fields["webhook-id"] == told["id"]


@pytest.mark.parametrize("what", ["body", "webhook-id", "webhook-timestamp"])
def test_nothing_of_it_can_be_changed(what: str) -> None:
    message = compose_message(EVENT, webhook())
    fields, body = dict(message.fields(SECRET, time.time())), message.body
    if what == "body":
        body += b" "
    else:
        fields[what] = fields[what][:-1] + ("1" if fields[what][-1] != "1" else "2")
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(body, fields)


def test_the_standard_s_example_is_signed_as_it_says() -> None:
    # libraries/python/tests/test_webhooks.py of the standard: a known secret and its signature.
    message = Message("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}')
    fields = message.fields("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 1614265330.0)
    assert fields["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_without_a_secret_nothing_is_signed() -> None:
    fields = compose_message(EVENT, webhook()).fields(None, 1.0)
    assert "webhook-signature" not in fields
    assert (fields["webhook-id"], fields["webhook-timestamp"]) == ("evt_a_1", "1")


def test_slack_gets_a_text_and_nothing_more() -> None:
    message = compose_message(EVENT, webhook(format=WebhookFormat.SLACK))
    told = json.loads(message.body)
    assert list(told) == ["text"]
    assert "*search* is on" in told["text"]
    assert "zoë &lt;b&gt;" in told["text"]
