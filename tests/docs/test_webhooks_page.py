"""docs/webhooks.md: every type with what is really sent, and a verification that verifies."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.config.environment import WEBHOOK
from gateway.config.settings import Secret, Webhook
from gateway.core.chat import chat_line
from gateway.core.events import Event, Group, Type, payload
from gateway.stores.base import AuditEntry
from gateway.webhooks.message import compose_message
from gateway.webhooks.outcome import Verdict
from gateway.webhooks.reading import event_of
from tests.support.config_keys import known_keys
from tests.support.flags import flag

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
AT = 1_896_098_520.0  # 2030-01-31 14:02 UTC
GUARD = {"guard": "web1-4711-9f3c", "user": None, "host": "web1", "command": "./reindex.sh"}
USERS = {"users": {"add": ["bob"], "remove": ["ann"]}}
SAID: dict[Type, tuple[str, dict[str, Any], str]] = {
    Type.FLAG_ON: ("flip", {"enabled": True, "until": AT + 7200}, "new index"),
    Type.FLAG_OFF: ("flip", {"enabled": False, "until": None}, "done"),
    Type.FLAG_CHANGED: ("flip", {"mode": "read-only"}, ""),
    Type.FLAG_USERS: ("users", USERS, "batch 2"),
    Type.FLAG_FORGOTTEN: ("forgotten", {"since": AT - 14_400, "max": 14_400.0}, ""),
    Type.WINDOW_BEGAN: ("window", {"enabled": True, "until": AT + 7200}, "the window has begun"),
    Type.WINDOW_ENDED: ("window", {"enabled": False}, "the window has ended"),
    Type.GUARD_STARTED: ("guard", {**GUARD, "state": "started"}, ""),
    Type.GUARD_FINISHED: (
        "guard",
        {
            **GUARD,
            "state": "finished",
            "done": 200,
            "of": 200,
            "took": 754.2,
            "status": 0,
            "message": "",
            "left_on": False,
        },
        "",
    ),
    Type.GUARD_FAILED: (
        "guard",
        {
            **GUARD,
            "state": "failed",
            "took": 12.4,
            "status": 3,
            "message": "reindex.sh exited with 3: search stays on. To lift it: gateway off search",
            "left_on": True,
        },
        "",
    ),
    Type.GUARD_RELEASED: ("guard", {**GUARD, "state": "released", "took": 12.4}, ""),
    Type.GUARD_ABANDONED: ("guard", {**GUARD, "state": "abandoned", "took": 60.1}, ""),
    Type.CONFIG_INVALID: (
        "config",
        {"valid": False},
        "config.yaml:14: flags.search.paths[0]: must start with a slash",
    ),
    Type.CONFIG_VALID: ("config", {"valid": True}, "the YAML is valid again"),
}


def event(kind: Type) -> Event:
    if kind is Type.TEST:
        return Event(kind, "evt_test_5f0c7c1e", AT, "alice", revision=7)
    action, changes, reason = SAID[kind]
    name = "" if action == "config" else "search"
    by = {"window": "clock", "forgotten": "clock", "config": "yaml"}.get(action, "alice")
    entry = AuditEntry(AT, by, action, name, reason, changes, 7, 41)
    found = event_of(entry, lambda _name: (flag("search", "/search"), "unavailable"), "39f1e5e1")
    assert found is not None
    assert found.type is kind
    return found


def section(kind: Type) -> str:
    return PAGE.partition(f"### `{kind.value}`\n")[2].partition("\n#")[0]


@pytest.mark.parametrize("kind", Type)
def test_every_type_shows_the_line_and_the_keys_that_are_sent(kind: Type) -> None:
    told, text = event(kind), section(kind)
    assert f"    {chat_line(told, None)}\n" in text
    (shown,) = re.findall(r"^```json\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    document = payload(told, None)
    if kind is not Type.FLAG_ON:  # the others show what is theirs alone
        document = {"type": kind.value, **{key: document[key] for key in told.details}}
    assert json.loads(shown) == document


def test_every_key_of_the_payload_is_explained() -> None:
    for key in payload(event(Type.FLAG_ON), None):
        assert f"| `{key}` |" in PAGE


def test_the_verification_shown_takes_what_is_sent_and_nothing_else() -> None:
    secret = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    message = compose_message(event(Type.FLAG_ON), Webhook("w", Secret("x"), secret=Secret(secret)))
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    scope: dict[str, Any] = {"base64": base64, "hashlib": hashlib, "hmac": hmac, "time": time}
    exec(code, scope)  # noqa: S102 the page's own
    assert len(code.splitlines()) <= 14
    fields = dict(message.fields(secret, time.time()))
    assert scope["is_genuine"](secret, fields, message.body)
    assert not scope["is_genuine"](secret, fields, message.body + b" ")
    old = dict(message.fields(secret, time.time() - 600))
    assert not scope["is_genuine"](secret, old, message.body)


def test_every_key_group_variable_and_outcome_is_documented(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keys = known_keys(monkeypatch, tmp_path, "webhooks: {w: {url: http://x}}\n")
    of_webhook = {key.removeprefix("webhooks.w.") for key in keys if key.startswith("webhooks.w.")}
    assert of_webhook >= {"url", "secret", "events"}
    assert [key for key in of_webhook if f"| `{key}` |" not in PAGE] == []
    for each in (*Group, *WEBHOOK, *Verdict, "given_up"):
        assert f"`{each}`" in PAGE
