"""The disk is full, or may not be written: a flip fails loudly and changes nothing, until it may.

The real SQLite, told that its file may grow no further, or that it is read-only.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.core.decision import decide
from gateway.core.outcomes import Forward, Reason, Refuse
from gateway.stores.sqlite import SqliteStore
from tests.support.control import Stage
from tests.support.members import soon
from tests.support.members_control import request_of, site_of_members

Start = Callable[..., Awaitable[Stage]]
LONG = "🚧" * 4000  # a reason of 16 kB, for which the file would have to grow
TROUBLES = [  # what makes it, what mends it, what is said of it
    pytest.param(("max_page_count = 1", "max_page_count = 1000000", "full"), id="full"),
    pytest.param(("query_only = 1", "query_only = 0", "readonly"), id="read-only"),
]
CALLS = [
    ("PATCH", "/flags/site", {"enabled": True, "reason": LONG}),
    ("POST", "/flags/reindex/users", {"add": ["bob"], "reason": LONG}),
    ("PUT", f"/flags/reindex/users/{'u' * 200}", {"reason": LONG}),
]


@pytest.fixture
async def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "gateway.db")


@pytest.fixture
async def stage(start: Start, store: SqliteStore) -> Stage:
    return await start(store=store)


async def tell(store: SqliteStore, pragma: str) -> None:
    connection = store._file._connection
    assert connection is not None
    await store._run(lambda: connection.execute(f"PRAGMA {pragma}").fetchall())


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("call", CALLS, ids=["flip", "users", "user"])
async def test_a_change_that_cannot_be_written_is_a_503_that_names_the_store(
    stage: Stage,
    store: SqliteStore,
    tmp_path: Path,
    call: tuple[str, str, dict[str, Any]],
    trouble: tuple[str, str, str],
) -> None:
    method, path, document = call
    pragma, mend, said = trouble
    before, entries = await stage.get("/flags"), await stage.get("/audit")
    held = stage.state.snapshot
    await tell(store, pragma)
    response = await stage.client.request(method, f"/api/v1{path}", json=document)
    problem = await stage.json(response, 503)

    assert "nothing was changed" in problem["detail"]
    assert str(tmp_path / "gateway.db") in problem["detail"]
    assert said in problem["detail"]
    assert response.headers["Retry-After"]
    assert stage.state.snapshot is held
    assert await stage.get("/flags") == before
    assert await stage.get("/audit") == entries

    await tell(store, mend)
    await stage.json(await stage.client.request(method, f"/api/v1{path}", json=document))
    assert (await stage.get("/flags"))["revision"] == before["revision"] + 1


async def test_a_store_that_takes_no_writes_shows_until_it_does(tmp_path: Path) -> None:
    """It can be read, so that nothing else tells of it until somebody flips, or a lease is out."""
    async with site_of_members(1, store=f"sqlite:{tmp_path}/gateway.db") as site:
        (client,), (one,), store = site.clients, site.members, site.store
        assert isinstance(store, SqliteStore)

        async def ready() -> int:
            return (await client.get("/readyz")).status

        assert await ready() == 200
        await tell(store, "query_only = 1")
        site.clock.ahead += 3
        await soon(lambda: one.membership.error)
        shown = (await site.call("GET", "/status"))["store"]
        assert (shown["reachable"], shown["writable"]) == (True, False)
        assert "readonly" in shown["error"]
        assert await ready() == 503
        site.clock.ahead += 9
        assert decide(request_of(), one.live.current(), 0.0) == Refuse("reindex", Reason.LEASE_OUT)

        await tell(store, "query_only = 0")
        await soon(lambda: not one.membership.error and not one.membership.lease.out())
        assert (await site.call("GET", "/status"))["store"]["writable"] is True
        assert await ready() == 200
        assert isinstance(decide(request_of(), one.live.current(), 0.0), Forward)
