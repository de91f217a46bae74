"""Webhooks through the API: shown without their secrets, and tried."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config.settings import Secret, Webhook, WebhookFormat
from gateway.core.events import Event, Group, Type
from gateway.stores.base import Record
from gateway.webhooks.outcome import Outcome, Verdict
from gateway.webhooks.webhooks import UnknownWebhook
from tests.control.conftest import Start
from tests.support.control import NOW, TOKENS, Stage, bearer

TEAM = Webhook(
    "team",
    Secret("https://hooks.example.com/s3cret"),
    WebhookFormat.SLACK,
    Secret("whsec_s3cret"),
    frozenset({Group.FLIP}),
    frozenset({"site"}),
    "staging",
)


class Webhooks:
    """What the control plane asks of the real ones."""

    def __init__(self) -> None:
        self.all = (TEAM, Webhook("ci", Secret("https://x")))
        self.kept: dict[str, Record] = {}
        self.outcome = Outcome(Verdict.DELIVERED, 204)
        self.tried: list[tuple[str, str]] = []

    async def records(self) -> dict[str, Record]:
        return self.kept

    async def test(self, name: str, by: str) -> tuple[Event, Outcome]:
        if all(each.name != name for each in self.all):
            raise UnknownWebhook(name)
        self.tried.append((name, by))
        return Event(Type.TEST, "evt_test_1", NOW, by, revision=4), self.outcome


@pytest.fixture
def webhooks() -> Webhooks:
    return Webhooks()


@pytest.fixture
async def stage(start: Start, webhooks: Webhooks) -> Stage:
    return await start(tokens=TOKENS, webhooks=webhooks)


async def listed(stage: Stage) -> dict[str, Any]:
    document = await stage.get("/webhooks", headers=bearer("viewer-secret"))
    assert "s3cret" not in str(document)
    return {each["webhook"]: each for each in document["webhooks"]}


async def test_they_are_shown_with_what_they_are_told_of(stage: Stage) -> None:
    assert await listed(stage) == {
        "team": {
            "webhook": "team",
            "format": "slack",
            "label": "staging",
            "signed": True,
            "events": ["flip"],
            "flags": ["site"],
            "state": "new",
            "failures": 0,
            "last": None,
        },
        "ci": {
            "webhook": "ci",
            "format": "json",
            "label": None,
            "signed": False,
            "events": sorted(Group),
            "flags": [],
            "state": "new",
            "failures": 0,
            "last": None,
        },
    }


@pytest.mark.parametrize(
    ("outcome", "more", "state"),
    [
        ("delivered", {}, "well"),
        ("retry", {"failures": 3}, "failing"),
        ("refused", {}, "failing"),
        ("gone", {"gone": True}, "gone"),
    ],
)
async def test_how_it_goes_is_what_the_one_that_tells_has_noted(
    stage: Stage, webhooks: Webhooks, outcome: str, more: dict[str, Any], state: str
) -> None:
    last = {"type": "flag.on", "id": "evt_1", "at": NOW, "outcome": outcome, "error": "why"}
    webhooks.kept["team"] = Record("team", 1, {"last": last, **more})
    team = (await listed(stage))["team"]
    assert (team["state"], team["failures"]) == (state, more.get("failures", 0))
    assert team["last"] == {**last, "at": "2030-03-17T17:46:40.000Z"}


async def test_a_test_says_what_came_of_it(stage: Stage, webhooks: Webhooks) -> None:
    async def tried() -> Any:
        path = "/api/v1/webhooks/team/test"
        return await stage.json(await stage.client.post(path, headers=bearer("operator-secret")))

    told = {"webhook": "team", "id": "evt_test_1", "revision": 4}
    assert await tried() == {**told, "delivered": True, "status": 204, "error": None}
    webhooks.outcome = Outcome(Verdict.RETRY, None, "no answer within 10 s")
    assert await tried() == {
        **told,
        "delivered": False,
        "status": None,
        "error": "no answer within 10 s",
    }
    assert webhooks.tried == [("team", "ci"), ("team", "ci")]


async def test_a_viewer_tries_none_and_nobody_one_that_is_not_there(
    stage: Stage, webhooks: Webhooks
) -> None:
    path = "/api/v1/webhooks/{}/test"
    viewer, operator = bearer("viewer-secret"), bearer("operator-secret")
    await stage.json(await stage.client.post(path.format("team"), headers=viewer), 403)
    await stage.json(await stage.client.post(path.format("nobody"), headers=operator), 404)
    assert webhooks.tried == []


async def test_without_any_there_are_none(start: Start) -> None:
    stage = await start()
    assert (await stage.get("/webhooks"))["webhooks"] == []
    await stage.json(await stage.client.post("/api/v1/webhooks/team/test"), 404)
