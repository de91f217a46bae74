"""Links past a flag: made, shown nowhere else, revoked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.config.settings import Secret
from gateway.core.flags import Exemptions
from gateway.core.gated import GatedRule
from gateway.stores.base import StoreError
from tests.control.conftest import Start
from tests.support.control import REINDEX, SEARCH, SITE, TOKENS, Stage, bearer

KEYED = replace(SITE, allow=Exemptions(key=Secret("k3y-of-links")))
CREATED = 201


@pytest.fixture
async def keyed(start: Start) -> Stage:
    return await start(flags=(KEYED, SEARCH, REINDEX), tokens=TOKENS)


OPERATOR = bearer("operator-secret")


async def make(stage: Stage, document: object, status: int = CREATED, flag: str = "site") -> Any:
    path = f"/api/v1/flags/{flag}/bypass"
    response = await stage.client.post(path, json=document, headers=OPERATOR)
    assert response.status == status, await response.text()
    return await response.json(content_type=None)


async def revoke(stage: Stage, query: str = "", status: int = 200) -> Any:
    path = f"/api/v1/flags/site/bypass{query}"
    return await stage.json(await stage.client.delete(path, headers=OPERATOR), status)


def is_open(stage: Stage, link: Any) -> bool:
    rule = stage.state.snapshot.rule("site")
    assert isinstance(rule, GatedRule)
    return rule.gate.opened_by(link["token"].encode()) is not None


async def test_link_is_made_for_a_while_and_leads_where_it_is_to(keyed: Stage) -> None:
    for url, site, to in (
        ("https://shop.example/cart?a=1&b", "https://shop.example", "/cart?a=1&b"),
        ("https://shop.example:8443", "https://shop.example:8443", "/"),
        ("/cart", "", "/cart"),
        (None, "", "/"),
    ):
        link = await make(keyed, {"for": "2h", "url": url})

        parts = urlsplit(link["url"])
        assert link["url"].startswith(f"{site}/-/maintenance/bypass/site?")
        assert parse_qs(parts.query) == {"token": [link["token"]], "to": [to]}
        assert link["flag"] == "site"
        assert link["expires"] == "2030-03-17T19:46:40.000Z"
        assert is_open(keyed, link)
    assert set(link) == {"flag", "id", "url", "token", "expires", "revision"}


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({}, "for"),
        ({"for": None}, "for"),
        ({"for": 0}, "for"),
        ({"for": "soon"}, "for"),
        ({"for": "400d"}, "for"),
        ({"for": 60, "url": "//evil.example"}, "url"),
        ({"for": 60, "url": "/\\evil.example"}, "url"),
        ({"for": 60, "url": "javascript:alert(1)"}, "url"),
        ({"for": 60, "url": "https://a b/"}, "url"),
        ({"for": 60, "url": "https://ann:pw@shop.example/"}, "url"),
        ({"for": 60, "url": 7}, "url"),
        ({"for": 60, "reason": 7}, "reason"),
        ({"for": 60, "user": "ann"}, "user"),
    ],
)
async def test_what_makes_no_sense_is_refused(keyed: Stage, document: Any, path: str) -> None:
    problem = await make(keyed, document, 422)

    assert [error["path"] for error in problem["errors"]] == [path]
    assert [entry.action for entry in await keyed.store.audit(5)] == ["config"]


async def test_flag_without_a_key_has_no_links(keyed: Stage) -> None:
    problem = await make(keyed, {"for": 60}, 409, "search")

    assert "allow.key" in problem["detail"]
    await make(keyed, {"for": 60}, 404, "nothing")
    flags = (await keyed.get("/flags", headers=OPERATOR))["flags"]
    assert [each["bypass"] for each in flags] == [True, False, False]


async def test_audit_says_who_made_which_link_for_how_long_and_has_no_token(keyed: Stage) -> None:
    link = await make(keyed, {"for": "2h", "reason": "the auditors"})

    response = await keyed.client.get("/api/v1/audit?limit=1", headers=OPERATOR)
    text = await response.text()
    (entry,) = (await response.json())["entries"]
    assert (entry["by"], entry["action"], entry["flag"]) == ("ci", "bypass", "site")
    assert entry["reason"] == "the auditors"
    assert entry["changes"] == {"id": link["id"], "until": link["expires"]}
    assert link["token"] not in text


async def test_what_cannot_be_noted_is_not_made(
    keyed: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(*_: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(keyed.store, "record", fails)

    assert "token" not in await make(keyed, {"for": 60}, 503)


async def test_links_are_revoked_all_or_one(keyed: Stage) -> None:
    one, two = await make(keyed, {"for": 60}), await make(keyed, {"for": 60})
    before = keyed.state.snapshot.revision

    after = await revoke(keyed, f"?id={one['id']}&reason=lost")

    assert after["revision"] == before + 1
    assert (is_open(keyed, one), is_open(keyed, two)) == (False, True)
    await revoke(keyed)
    assert not is_open(keyed, two)
    assert is_open(keyed, await make(keyed, {"for": 60}))
    last = (await keyed.get("/audit?limit=10", headers=OPERATOR))["entries"]
    revoked = [(each["changes"], each["reason"]) for each in last if each["action"] == "revoke"]
    assert revoked == [({"id": None}, ""), ({"id": one["id"]}, "lost")]


async def test_a_revocation_that_names_no_id_or_another_revision_is_refused(keyed: Stage) -> None:
    link = await make(keyed, {"for": 60})

    await revoke(keyed, "?id=", 400)
    await revoke(keyed, "?id=a%20b", 400)
    path = "/api/v1/flags/site/bypass"
    response = await keyed.client.delete(path, headers={**OPERATOR, "If-Match": '"99"'})
    assert response.status == 412
    assert is_open(keyed, link)


async def test_viewer_makes_and_revokes_none(keyed: Stage) -> None:
    viewer = bearer("viewer-secret")
    path = "/api/v1/flags/site/bypass"
    assert (await keyed.client.post(path, json={"for": 60}, headers=viewer)).status == 403
    assert (await keyed.client.delete(path, headers=viewer)).status == 403


async def test_explain_tells_a_bypasser_from_a_visitor(keyed: Stage) -> None:
    link = await make(keyed, {"for": 60})
    body = {"enabled": True}
    await keyed.client.patch("/api/v1/flags/site", json=body, headers=OPERATOR)
    asked = "/explain?url=/&header=Cookie: maintenance-bypass.site="

    found = await keyed.get(asked + link["token"], headers=OPERATOR)
    assert (found["decision"], found["bypassed"]) == ("forward", ["site"])
    assert found["verdicts"][0]["reason"] == "bypassed"
    found = await keyed.get(asked + "x", headers=OPERATOR)
    assert (found["decision"], found["reason"]) == ("refuse", "bypass_void")
    assert "not a valid one" in found["verdicts"][0]["detail"]
