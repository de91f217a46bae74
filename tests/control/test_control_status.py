"""Status, audit, health and metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.config import ConfigError
from gateway.state.waiting_edit import WaitingEdit
from gateway.stores.base import StoreError
from tests.support.control import TOKENS, Stage, bearer


async def test_status_shows_members_store_config_and_what_is_on(start: Any) -> None:
    stage = await start(path=Path("/etc/gateway/config.yaml"))
    stage.flying[None] = 4
    stage.waiting.update({"site": 5, "": 2})
    await stage.patch("site", {"enabled": True})
    document = await stage.get("/status")
    revision = stage.state.snapshot.revision
    assert document == {
        "revision": revision,
        "members": [{"member": "m1", "since": "2030-03-17T17:46:40.000Z", "revision": revision}],
        "guards": [],
        "unseen": [],
        "store": {"kind": "memory", "reachable": True, "writable": True, "error": None},
        "config": {"path": "/etc/gateway/config.yaml", "valid": True, "errors": [], "notices": []},
        "pages": [],
        "failures": [],
        "in_flight": 4,
        "held": 7,
        "held_for_app": 2,
        "forgotten": [],
        "traffic": {"in_flight": 0, "forwarded": 0, "refused": 0},
        "on": ["site", "reindex"],
    }


async def test_a_per_user_flag_that_lists_nobody_is_not_on(stage: Stage) -> None:
    await stage.patch("reindex", {"users": []})
    assert (await stage.get("/status"))["on"] == []
    await stage.patch("reindex", {"rollout": 5})
    assert (await stage.get("/status"))["on"] == ["reindex"]


async def test_errors_of_the_yaml_show_with_file_and_line(stage: Stage) -> None:
    error = ConfigError("config.yaml", 14, "flags.search.paths[0]", 'must start with "/"')
    stage.state._yaml.errors = (error,)
    config = (await stage.get("/status"))["config"]
    assert config["valid"] is False
    assert config["notices"] == []
    assert config["errors"] == [
        {
            "file": "config.yaml",
            "line": 14,
            "path": "flags.search.paths[0]",
            "message": 'must start with "/"',
            "text": str(error),
        }
    ]
    ready = await stage.json(await stage.client.get("/readyz"), 503)
    assert "1 error" in ready["detail"]


async def test_a_store_out_of_reach_shows_in_status_and_readiness(stage: Stage) -> None:
    stage.state.reach.error = "disk is gone"
    store = (await stage.get("/status"))["store"]
    assert store == {
        "kind": "memory",
        "reachable": False,
        "writable": False,
        "error": "disk is gone",
    }
    ready = await stage.json(await stage.client.get("/readyz"), 503)
    assert len(ready["reasons"]) == 1
    assert "disk is gone" not in str(ready)


async def test_an_edit_that_waits_for_the_store_is_not_ready(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WaitingEdit, "waits", True)
    ready = await stage.json(await stage.client.get("/readyz"), 503)
    assert "waits for the store" in ready["detail"]
    (notice,) = (await stage.get("/status"))["config"]["notices"]
    assert notice["message"] == "an edit waits for the store"


async def test_a_task_that_fails_shows_in_status_and_readiness(stage: Stage) -> None:
    stage.state.followers.failures["following the YAML"] = "RecursionError: too deep"
    failures = (await stage.get("/status"))["failures"]
    assert failures == ["following the YAML: RecursionError: too deep"]
    ready = await stage.json(await stage.client.get("/readyz"), 503)
    assert ready["reasons"] == ["A task of the gateway fails: following the YAML."]


async def test_a_public_port_that_does_not_listen_is_not_ready(stage: Stage) -> None:
    assert await stage.json(await stage.client.get("/readyz")) == {"status": "ready"}
    stage.listening = False
    await stage.json(await stage.client.get("/readyz"), 503)
    assert await stage.json(await stage.client.get("/healthz")) == {"status": "ok"}


async def test_what_is_wrong_everywhere_at_once_takes_no_replica_out_of_traffic(
    stage: Stage,
) -> None:
    stage.state._yaml.errors = (
        ConfigError("config.yaml", 14, "flags.search.paths[0]", 'must start with "/"'),
    )
    stage.state.reach.error = "disk is gone"
    stage.state.followers.failures["following the YAML"] = "RecursionError: too deep"
    assert len((await stage.json(await stage.client.get("/readyz"), 503))["reasons"]) == 3
    assert await stage.json(await stage.client.get("/readyz?for=traffic")) == {"status": "ready"}


async def test_a_gateway_that_leaves_is_to_be_sent_nobody(stage: Stage) -> None:
    assert await stage.json(await stage.client.get("/readyz?for=traffic")) == {"status": "ready"}
    stage.leaving = True
    for target in ("/readyz", "/readyz?for=traffic"):
        ready = await stage.json(await stage.client.get(target), 503)
        assert ready["reasons"] == ["The gateway is to end; it serves until others are asked."]
    stage.leaving, stage.listening = False, False
    await stage.json(await stage.client.get("/readyz?for=traffic"), 503)


async def test_a_probe_for_something_unknown_is_an_error(stage: Stage) -> None:
    for query in ("for=trafic", "for=", "for=traffic&for=traffic"):
        problem = await stage.json(await stage.client.get(f"/readyz?{query}"), 400)
        assert "for must be one of all, traffic" in problem["detail"]


async def test_metrics_are_prometheus_text(stage: Stage) -> None:
    response = await stage.client.get("/metrics")
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert await response.read() == b"gateway_up 1\n"


async def test_the_audit_tells_who_did_what_when_and_why(stage: Stage) -> None:
    await stage.patch("site", {"enabled": True, "reason": "moving"})
    entry = (await stage.get("/audit"))["entries"][0]
    assert entry["at"] == "2030-03-17T17:46:40.000Z"
    assert (entry["by"], entry["action"], entry["flag"]) == ("local", "flip", "site")
    assert entry["reason"] == "moving"
    assert entry["revision"] == stage.state.snapshot.revision


async def test_the_audit_is_paged_newest_first(stage: Stage) -> None:
    for ttl in (1, 2, 3):
        await stage.patch("site", {"ttl": ttl})
    newest = [entry["id"] for entry in (await stage.get("/audit?limit=2"))["entries"]]
    assert newest == sorted(newest, reverse=True)
    assert len(newest) == 2
    older = (await stage.get(f"/audit?limit=1&before={newest[-1]}"))["entries"]
    assert [entry["id"] for entry in older] == [newest[-1] - 1]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "limit=-1", "before=1.5"])
async def test_a_page_of_the_audit_that_makes_no_sense_is_400(stage: Stage, query: str) -> None:
    await stage.get(f"/audit?{query}", 400)


async def test_an_audit_that_cannot_be_read_is_503(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise StoreError("disk I/O error")

    monkeypatch.setattr(stage.store, "audit", fail)
    await stage.get("/audit", 503)


async def test_a_refusal_goes_out_although_it_cannot_be_recorded(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = await start(tokens=TOKENS)

    async def fail(*_: Any) -> None:
        raise StoreError("disk I/O error")

    monkeypatch.setattr(stage.store, "record", fail)
    await stage.get("/flags", 401, headers=bearer("guess"))
