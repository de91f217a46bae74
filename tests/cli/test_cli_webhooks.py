"""``gateway webhooks``: who is told, how that goes, and a message to try it."""

from __future__ import annotations

import json
from typing import Any

from tests.support.fake_control import FakeControl

TEAM: dict[str, Any] = {
    "webhook": "team",
    "format": "slack",
    "label": None,
    "signed": True,
    "events": ["flip", "guard"],
    "flags": [],
    "state": "failing",
    "failures": 3,
    "last": {
        "type": "flag.on",
        "id": "evt_1",
        "at": "2030-01-31T12:00:00.000Z",
        "outcome": "retry",
        "error": "it answered 503",
    },
}
TESTED = {"webhook": "team", "id": "evt_test_1", "status": 200, "error": None, "revision": 4}


async def test_each_webhook_is_a_line_with_what_is_wrong(control: FakeControl) -> None:
    listed = {"revision": 4, "webhooks": [TEAM, {**TEAM, "webhook": "ci", "last": None}]}
    control.answers["GET /webhooks"] = 200, listed
    result = await control.run("webhooks")
    assert result.exit_code == 0
    _, team, other = result.stdout.splitlines()
    for word in ("team", "slack, signed", "failing", "flip, guard", "all", "flag.on", "503"):
        assert word in team
    assert other.startswith("ci ")
    shown = await control.run("webhooks", "--json")
    assert json.loads(shown.stdout) == listed


async def test_none_is_said_to_be_none(control: FakeControl) -> None:
    control.answers["GET /webhooks"] = 200, {"revision": 4, "webhooks": []}
    assert "there are no webhooks" in (await control.run("webhooks")).stdout


async def test_a_webhook_is_tried_by_its_name(control: FakeControl) -> None:
    control.answers["POST /webhooks/team/test"] = 200, {**TESTED, "delivered": True}
    result = await control.run("webhooks", "test", "team")
    assert (result.exit_code, result.stdout) == (0, "team was told: it answered 200\n")
    failed = {**TESTED, "delivered": False, "status": None, "error": "no connection: refused"}
    control.answers["POST /webhooks/team/test"] = 200, failed
    result = await control.run("webhooks", "test", "team")
    assert result.exit_code == 1
    assert "team was not told: no connection: refused" in result.stderr


async def test_what_is_missing_or_too_much_is_called_wrongly(control: FakeControl) -> None:
    for words in (("test",), ("list", "team"), ("try", "team")):
        assert (await control.run("webhooks", *words)).exit_code == 2
    assert control.calls == []
