"""What is under way, and what was given up: as drains see them, at the wire."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.config.settings import Drain
from gateway.core.flags import Flag, FlagState, Identity, IdentitySource, Mode, Scope
from gateway.core.paths import compile_path
from gateway.proxy import abandoned, in_flight
from gateway.proxy.in_flight import ExchangeWatch
from gateway.state.traffic import Counts
from tests.support.proxy_stage import Stage
from tests.support.wire import RawClient, Wire, head, ok, turns

OFF, ON = FlagState(enabled=False), FlagState(enabled=True)
SITE = Flag("site", OFF)
SEARCH = Flag("search", OFF, scope=Scope(paths=(compile_path("/search"),)))
READ_ONLY = Flag("writes", FlagState(enabled=False, mode=Mode.READ_ONLY))
USERS = Flag("users", ON, identity=Identity((IdentitySource("cookie", "uid"),)))
UPLOAD = head(b"POST /search HTTP/1.1", b"Host: a", b"Content-Length: 9") + b"hello"


@pytest.fixture
async def stage(start: Any) -> Stage:
    made: Stage = await start(SITE, SEARCH, READ_ONLY, USERS)
    return made


def watch(stage: Stage, flag: str = "site", user: str | None = None) -> ExchangeWatch:
    """As a drain of the flag, had it just been turned on."""
    rule = stage.live.snapshot.rule(flag)
    assert rule is not None
    return stage.plane.in_flight.watch(rule, user, stage.live.snapshot.revision + 1)


async def asked(stage: Stage, target: bytes = b"/", *lines: bytes) -> tuple[RawClient, Wire]:
    client = await stage.client()
    await client.get(target, *lines)
    app, _ = await stage.app.serve()
    return client, app


async def test_an_exchange_is_finished_when_the_apps_side_has_ended(stage: Stage) -> None:
    _, app = await asked(stage)
    seen = watch(stage)
    assert seen.counts() == Counts(in_flight=1)
    await app.send(ok())
    await stage.idle()
    assert seen.counts() == Counts(finished=1)


async def test_an_exchange_whose_client_left_is_still_in_flight(stage: Stage) -> None:
    client, app = await asked(stage)
    client.reset()
    await stage.until(lambda: not stage.plane.clients, "the client is gone")
    seen = watch(stage)
    assert seen.counts() == Counts(in_flight=1)
    await app.send(ok())
    await stage.idle()
    assert seen.counts() == Counts(finished=1)


async def test_what_is_admitted_later_is_not_watched(stage: Stage) -> None:
    seen = watch(stage)
    _, app = await asked(stage)
    assert seen.counts() == Counts()
    rule = stage.live.snapshot.rule("site")
    assert rule is not None
    admitted_at = stage.live.snapshot.revision
    assert stage.plane.in_flight.watch(rule, None, admitted_at).counts() == Counts()
    await app.send(ok())


async def test_only_what_the_flag_would_hold_is_watched(stage: Stage) -> None:
    _, one = await asked(stage, b"/search", b"Cookie: uid=ann")
    _, two = await asked(stage, b"/other", b"Cookie: uid=bob")
    assert watch(stage, "search").counts().in_flight == 1
    assert watch(stage, "users", "ann").counts().in_flight == 1
    assert watch(stage, "users", "eve").counts().in_flight == 0
    assert watch(stage, "writes").counts().in_flight == 0  # both only read
    for app in (one, two):
        await app.send(ok())


async def test_each_flag_counts_what_it_would_hold_on_or_off(stage: Stage) -> None:
    _, one = await asked(stage, b"/search", b"Cookie: uid=ann")
    _, two = await asked(stage, b"/other", b"Cookie: uid=bob")
    stage.live.hold(
        SITE, SEARCH, READ_ONLY, replace(USERS, state=replace(ON, users=("ann", "eve")))
    )
    counts = await stage.plane.in_flight.concerned(stage.live.snapshot.rules)
    assert counts == (2, 1, 0, 1)
    for app in (one, two):
        await app.send(ok())


async def test_counting_gives_way_to_requests(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_flight, "SLICE", 0.0)
    _, one = await asked(stage, b"/search")
    _, two = await asked(stage, b"/search")
    counting = asyncio.create_task(stage.plane.in_flight.concerned(stage.live.snapshot.rules[:1]))
    await asyncio.sleep(0)
    for app in (one, two):
        await app.send(ok())
    assert not counting.done()
    assert await counting in {(0,), (1,), (2,)}


async def test_an_upload_that_its_client_left_is_abandoned(stage: Stage) -> None:
    client = await stage.client()
    await client.send(UPLOAD)
    await (await stage.app.accept()).until(b"hello")
    before = watch(stage, "writes")
    assert before.counts() == Counts(in_flight=1)
    client.reset()
    await stage.idle()
    assert before.counts() == Counts(abandoned=1)
    assert watch(stage, "search").counts() == Counts(abandoned=1)
    assert watch(stage, "users", "ann").counts() == Counts()


async def test_an_app_that_is_too_slow_is_abandoned(stage: Stage) -> None:
    client, _ = await asked(stage)
    seen = watch(stage)
    await stage.after(60.1)
    assert (await client.answer()).status == 504
    assert seen.counts() == Counts(abandoned=1)


@pytest.mark.parametrize("reset", [True, False])
async def test_an_app_that_leaves_without_a_whole_answer_is_abandoned(
    stage: Stage,
    reset: bool,  # noqa: FBT001 a parameter
) -> None:
    client, app = await asked(stage)
    (app.reset if reset else app.close)()
    assert (await client.answer()).status == 502
    assert stage.plane.in_flight.abandoned == 1


async def test_what_never_reached_the_app_is_not_abandoned(stage: Stage) -> None:
    stage.app.stop_listening()
    client = await stage.client()
    await client.get()
    assert (await client.answer()).status == 502
    assert stage.plane.in_flight.abandoned == 0


async def test_what_is_sent_again_is_in_flight_and_then_abandoned(stage: Stage) -> None:
    """The first time it may have been read."""
    client, app = await asked(stage)
    await app.send(ok())
    await client.answer()
    await client.get(b"/again")
    await app.message()
    app.close()
    app, _ = await stage.app.serve()
    seen = watch(stage)
    assert seen.counts() == Counts(in_flight=1)
    await app.send(ok())
    await stage.idle()
    assert (await client.answer()).status == 200
    assert seen.counts() == Counts(abandoned=1)


async def test_what_is_cut_at_the_end_is_abandoned(stage: Stage) -> None:
    client, _ = await asked(stage)
    seen = watch(stage)
    stage.plane.stop()
    assert (len(stage.plane.in_flight), stage.plane.in_flight.abandoned) == (0, 1)
    assert seen.counts() == Counts(abandoned=1)
    assert await client.ended() in {"closed", "reset"}


async def test_abandoned_exchanges_are_forgotten_after_a_time(start: Any) -> None:
    stage: Stage = await start(SITE, drain=Drain(orphans=0.05))
    client, app = await asked(stage)
    app.close()
    assert (await client.answer()).status == 502
    seen = watch(stage)
    await stage.until(lambda: not stage.plane.in_flight.abandoned, "it is forgotten")
    assert seen.counts() == Counts(finished=1)
    assert watch(stage).counts() == Counts()


async def test_more_than_are_kept_are_in_the_scope_of_everything(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(abandoned, "MOST", 1)
    for _ in range(3):
        client, app = await asked(stage, b"/other")
        app.close()
        assert (await client.answer()).status == 502
    assert stage.plane.in_flight.abandoned == 3
    assert watch(stage, "search").counts() == Counts(abandoned=2)
    assert watch(stage).counts() == Counts(abandoned=3)


async def test_large_heads_are_not_all_kept(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abandoned, "MOST_BYTES", 1500)
    for _ in range(2):
        client, app = await asked(stage, b"/other", b"X-Large: " + b"x" * 1000)
        app.close()
        assert (await client.answer()).status == 502
    assert watch(stage, "search").counts() == Counts(abandoned=1)


async def test_a_process_that_slept_while_it_connected_forwards_nothing(stage: Stage) -> None:
    """Decided before, connected after: by then others take this member for gone."""
    client = await stage.client()
    await client.get(b"/search")
    await stage.until(lambda: len(stage.plane.in_flight) == 1, "it is decided")
    held = stage.live.snapshot
    stage.live.hold(Flag("search", ON, scope=SEARCH.scope))
    stage.live.fenced, stage.live.snapshot = stage.live.snapshot, held

    assert (await client.answer()).status == 503
    app = await stage.app.accept()
    assert await app.drop() in {"closed", "reset"}
    assert app.buffer == b""
    assert stage.plane.in_flight.abandoned == 0


async def test_requests_are_decided_by_what_holds_once_the_lease_is_out(stage: Stage) -> None:
    held = stage.live.snapshot
    stage.live.hold(Flag("search", ON, scope=SEARCH.scope))
    stage.live.fenced, stage.live.snapshot = stage.live.snapshot, held
    client = await stage.client()
    await client.get(b"/search")
    assert (await client.answer()).status == 503
    await turns()
    assert stage.app.untouched()


def lose_lease(stage: Stage) -> None:
    """From now on the search is held, because another member may have turned it on."""
    held = stage.live.snapshot
    stage.live.hold(Flag("search", ON, scope=SEARCH.scope))
    stage.live.fenced, stage.live.snapshot = stage.live.snapshot, held


async def test_rest_of_an_upload_stays_here_once_the_lease_is_out(stage: Stage) -> None:
    """Others take it for ended by then, and a whole body is what an app acts upon."""
    client = await stage.client()
    await client.send(UPLOAD)
    app = await stage.app.accept()
    await app.until(b"hello")
    lose_lease(stage)
    await client.send(b"rest")

    assert (await client.answer()).status == 503
    assert await app.rest_or_reset() == b""
    assert watch(stage).counts() == Counts(abandoned=1)


async def test_rest_of_an_upload_out_of_scope_goes_on_without_a_lease(stage: Stage) -> None:
    client = await stage.client()
    await client.send(UPLOAD.replace(b"/search", b"/other"))
    app = await stage.app.accept()
    await app.until(b"hello")
    lose_lease(stage)
    await client.send(b"rest")

    assert await app.exactly(4) == b"rest"
    await app.send(ok())
    assert (await client.answer()).status == 200


@pytest.mark.parametrize("side", ["client", "app"])
async def test_tunnel_ends_with_the_next_byte_once_the_lease_is_out(
    stage: Stage, side: str
) -> None:
    upgrade = (b"Connection: Upgrade", b"Upgrade: websocket")
    client, app = await asked(stage, b"/search", *upgrade)
    await app.send(head(b"HTTP/1.1 101 Switching Protocols", *upgrade))
    await client.until(b"\r\n\r\n")
    lose_lease(stage)
    one, other = (client, app) if side == "client" else (app, client)
    await one.send(b"\x81\x00")

    assert await other.rest_or_reset() == b""
    await stage.idle()
    assert watch(stage).counts() == Counts(abandoned=1)
