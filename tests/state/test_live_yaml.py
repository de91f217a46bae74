"""Edits of the YAML: swapped in whole, or kept out whole."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.config import load
from gateway.core.overrides import Patch
from gateway.state.followers import Followers
from gateway.state.live import LiveState
from gateway.stores.sqlite import SqliteStore
from tests.state.conftest import Start
from tests.state.stage import ON, FlakyStore, Log, Swaps, is_on
from tests.support.members import soon

TOP = "upstream: http://127.0.0.1:8000\nstore: 'memory:'\n"


def write(path: Path, text: str) -> None:
    """As editors do: a new file, renamed over the old one."""
    path.with_suffix(".new").write_text(TOP + text)
    path.with_suffix(".new").rename(path)


@dataclass
class Edited:
    """A live state that follows ``path``."""

    path: Path
    live: LiveState
    swaps: Swaps

    def write(self, text: str) -> None:
        write(self.path, text)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    write(path, "flags: {site: {}}\n")
    return path


@pytest.fixture
async def edited(start: Start, path: Path) -> Edited:
    live = await start(load(path, {}))
    return Edited(path, live, Swaps(live))


async def test_an_edit_is_swapped_in_as_a_new_revision(edited: Edited) -> None:
    before = edited.live.snapshot.revision
    edited.write("flags: {site: {enabled: true}, search: {paths: [/search]}}\n")
    snapshot = await edited.swaps.until(is_on)
    assert snapshot.revision == before + 1
    assert snapshot.view("search") is not None
    assert [flag.name for flag in edited.live.settings.flags] == ["site", "search"]
    assert (await edited.live.audit())[0].action == "config"


async def test_an_edit_of_a_comment_makes_no_revision(edited: Edited, log: Log) -> None:
    before = edited.live.snapshot
    edited.write("# a comment\nflags: {site: {}}\ntimeouts: {response: 5s}\n")
    await edited.swaps.until(lambda _: edited.live.settings.timeouts.response == 5.0)
    assert edited.live.snapshot.revision == before.revision


async def test_an_invalid_edit_changes_nothing_and_says_where_until_mended(
    edited: Edited, log: Log
) -> None:
    before = edited.live.snapshot
    edited.write("flags: {site: {enabled: maybe}}\n")
    await log.until("the YAML is invalid")
    assert edited.live.snapshot is before
    (error,) = edited.live.config_errors
    assert (error.line, error.path) == (3, "flags.site.enabled")
    edited.write("flags: {site: {enabled: true}}\n")
    await edited.swaps.until(is_on)
    assert edited.live.config_errors == ()


async def test_an_edit_undone_after_an_invalid_one_clears_the_errors(
    edited: Edited, log: Log
) -> None:
    edited.write("flags: {site: {enabled: maybe}}\n")
    await log.until("the YAML is invalid")
    edited.write("flags: {site: {}}\n")
    await log.until("valid again")
    assert edited.live.config_errors == ()


async def test_each_invalid_edit_is_logged_once(edited: Edited, log: Log) -> None:
    edited.write("flags: {site: {enabled: maybe}}\n")
    await log.until("the YAML is invalid")
    edited.write("flags: {site: {enabled: perhaps}}\n")
    await log.until("the YAML is invalid", times=2)
    assert log.count("the YAML is invalid") == 2


async def test_a_deleted_file_keeps_the_last_good_until_it_is_back(
    edited: Edited, log: Log
) -> None:
    edited.path.unlink()
    await log.until("the YAML is invalid")
    assert edited.live.snapshot.view("site") is not None
    edited.write("flags: {site: {enabled: true}}\n")
    await edited.swaps.until(is_on)
    assert edited.live.config_errors == ()


async def test_an_edit_of_a_flipped_key_drops_the_flip_for_good(edited: Edited) -> None:
    await edited.live.flip("site", ON, by="ann")
    edited.write("flags: {site: {mode: read-only}}\n")
    await edited.swaps.until(lambda snapshot: not is_on(snapshot))
    edited.write("flags: {site: {}}\n")
    revision = edited.live.snapshot.revision
    await edited.swaps.until(lambda snapshot: snapshot.revision > revision)
    assert not is_on(edited.live.snapshot)
    assert {entry.flag for entry in await edited.live.audit()} == {"", "site"}


async def test_a_default_that_is_written_out_drops_the_flip(edited: Edited) -> None:
    await edited.live.flip("site", ON, by="ann")
    edited.write("flags: {site: {enabled: false}}\n")
    await edited.swaps.until(lambda snapshot: not is_on(snapshot))
    await edited.live.flip("site", ON, by="ann")
    edited.write("flags: {site: {}}\n")
    await edited.swaps.until(lambda snapshot: not is_on(snapshot))


async def test_comments_order_and_the_ttl_of_the_file_leave_the_flip(edited: Edited) -> None:
    edited.write("flags: {site: {enabled: false, mode: read-only}}\n")
    await edited.swaps.until(lambda snapshot: snapshot.views[0].state.mode == "read-only")
    await edited.live.flip("site", ON, by="ann")
    edited.write(
        "ttl: 9s\nflags:\n  # A comment.\n  site:\n    mode: read-only\n    enabled: false\n"
    )
    await edited.swaps.until(lambda snapshot: snapshot.views[0].state.ttl == 9)
    assert is_on(edited.live.snapshot)


async def test_an_edit_of_another_flag_or_of_the_scope_leaves_the_flip(edited: Edited) -> None:
    await edited.live.flip("site", ON, by="ann")
    edited.write("ttl: 9s\nflags: {site: {description: x, paths: [/a]}, other: {}}\n")
    await edited.swaps.until(lambda snapshot: snapshot.view("other") is not None)
    assert is_on(edited.live.snapshot)


async def test_a_flag_that_is_no_more_takes_its_flip_along(edited: Edited) -> None:
    await edited.live.flip("site", ON, by="ann")
    edited.write("flags: {other: {}}\n")
    await edited.swaps.until(lambda snapshot: snapshot.view("site") is None)
    edited.write("flags: {site: {}}\n")
    await edited.swaps.until(lambda snapshot: snapshot.view("site") is not None)
    assert not is_on(edited.live.snapshot)


async def test_a_key_that_needs_a_restart_is_noticed_and_the_rest_taken(edited: Edited) -> None:
    text = "listen: 127.0.0.1:1\nflags: {site: {enabled: true}}\n"
    edited.write(text)
    await edited.swaps.until(is_on)
    assert [notice.path for notice in edited.live.config_notices] == ["listen"]
    assert edited.live.config_errors == ()
    assert edited.live.settings.listen.port == 8080


async def test_an_edit_waits_for_a_store_out_of_reach(
    edited: Edited, store: FlakyStore, log: Log
) -> None:
    await edited.live.flip("site", ON, by="ann")
    before = edited.live.snapshot
    store.broken = True
    edited.write("flags: {other: {}}\n")
    await log.until("cannot be reached")
    assert edited.live.snapshot is before
    store.broken = False
    snapshot = await edited.swaps.until(lambda snapshot: snapshot.view("other") is not None)
    assert snapshot.revision == before.revision + 1


async def test_an_edit_is_tried_again_although_the_store_can_be_read(
    start: Start, path: Path, tmp_path: Path, log: Log
) -> None:
    file = tmp_path / "gateway.db"
    live = await start(load(path, {}), store=SqliteStore(file, busy=0.01), monotonic=lambda: 0.0)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        write(path, "flags: {site: {enabled: true}}\n")
        await soon(lambda: live.edit_waits)
        await live.fresh()
        assert live.store_error is None
        assert live.edit_waits
        assert [each.message for each in live.config_notices] == ["an edit waits for the store"]
        other.execute("ROLLBACK")
    async with asyncio.timeout(60):
        await Swaps(live).until(is_on)
        await log.until("the YAML was read")
    assert not live.edit_waits
    assert live.config_notices == ()


async def test_a_template_is_followed_and_the_last_good_one_kept(
    edited: Edited, log: Log, tmp_path: Path
) -> None:
    own = tmp_path / "own.html"
    text = "page: {template: own.html}\nflags: {site: {}}\n"
    edited.write(text)
    await log.until("the YAML is invalid")
    own.write_text("one")
    await edited.swaps.until(lambda _: edited.live.settings.page.source == "one")
    assert edited.live.config_errors == ()
    own.write_text("{% if %}")
    await log.until("own.html:1")
    assert edited.live.settings.page.source == "one"
    assert "own.html:1" in str(edited.live.config_errors[0])
    own.write_text("one")
    await log.until("valid again", times=2)
    assert edited.live.config_errors == ()
    own.write_text("two")
    await edited.swaps.until(lambda _: edited.live.settings.page.source == "two")


async def test_no_member_ever_shows_new_overrides_beside_old_flags(
    start: Start, path: Path, tmp_path: Path
) -> None:
    # On by a flip, then on by the YAML: no member may be off in between.
    settings = load(path, {})
    members = [
        await start(settings, store=SqliteStore(tmp_path / "gateway.db", poll=0.005))
        for _ in range(2)
    ]
    await members[0].flip("site", ON, by="ann")
    swaps = [Swaps(member) for member in members]
    for each in swaps:
        await each.until(is_on)
        each.all.clear()
    write(path, "flags: {site: {enabled: true}}\n")
    await asyncio.gather(
        *(each.until(lambda snapshot: snapshot.views[0].origin == "yaml") for each in swaps)
    )
    assert all(is_on(snapshot) for each in swaps for snapshot in each.all)


async def test_a_flip_after_an_edit_holds_against_the_edited_flag(edited: Edited) -> None:
    edited.write("flags: {site: {page: {message: Soon}}}\n")
    await edited.swaps.until(lambda snapshot: snapshot.views[0].state.message == "Soon")
    snapshot = await edited.live.flip("site", Patch({"enabled": True}), by="ann")
    assert is_on(snapshot)


async def test_an_edit_of_no_flag_needs_no_store(edited: Edited, store: FlakyStore) -> None:
    store.broken = True
    edited.write("timeouts: {response: 5s}\nflags: {site: {}}\n")
    await edited.swaps.until(lambda _: edited.live.settings.timeouts.response == 5.0)


@pytest.mark.parametrize("where", ["gateway.state.definitions.load", "gateway.state.live.take_in"])
async def test_a_bug_that_an_edit_brings_to_light_is_an_error_of_the_yaml(
    edited: Edited, log: Log, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    before = edited.live.snapshot
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(where, lambda *_: {}["x"])
        edited.write("flags: {other: {}}\n")
        await log.until("the YAML is invalid")
    assert edited.live.snapshot is before
    (error,) = edited.live.config_errors
    assert "by a bug of the gateway: KeyError: 'x'" in str(error)
    assert [type((record.exc_info or (0, 0))[1]) for record in caplog.records] == [KeyError]
    edited.write("flags: {site: {enabled: true}}\n")
    await edited.swaps.until(is_on)
    assert edited.live.config_errors == ()


async def test_the_yaml_is_followed_again_after_its_follower_has_failed(
    start: Start, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing(*_: object) -> AsyncIterator[None]:
        monkeypatch.undo()
        yield
        raise RecursionError("too deep")

    monkeypatch.setattr("gateway.state.yaml_follower.edits", failing)
    live = await start(load(path, {}), followers=Followers(pause=0.001))
    swaps = Swaps(live)
    await soon(lambda: live.followers.failures)
    assert live.followers.failures == {"following the YAML": "RecursionError: too deep"}
    write(path, "flags: {site: {enabled: true}}\n")
    await swaps.until(is_on)


async def test_the_store_is_followed_again_after_its_follower_has_failed(
    start: Start, store: FlakyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def failing() -> AsyncIterator[None]:
        monkeypatch.undo()
        yield
        raise RecursionError("too deep")

    monkeypatch.setattr(store, "changes", failing)
    live = await start(followers=Followers(pause=0.001))
    await soon(lambda: live.followers.failures)
    swaps, other = Swaps(live), await start()
    await other.flip("site", ON, by="ann")
    await swaps.until(is_on)
