"""What an edit of the YAML came to for each flag is in the audit, also across a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.config import load
from gateway.core.overrides import Patch
from gateway.state.live import LiveState
from tests.state.conftest import Start
from tests.state.stage import ON, Swaps
from tests.state.test_live_yaml import Edited, write
from tests.support.members import SharedStore

FLAGS = (
    "flags: {site: {}, search: {paths: [/search]}, reindex: {user: {cookie: uid}, users: [a]}}\n"
)


async def said(live: LiveState, since: int = 0) -> list[tuple[str, str, str, Any]]:
    """What the audit has of flags, oldest first, after an id."""
    entries = [each for each in await live.audit() if each.flag and each.id > since]
    return [(each.by, each.action, each.flag, each.changes) for each in entries[::-1]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    write(path, FLAGS)
    return path


@pytest.fixture
async def edited(start: Start, path: Path) -> Edited:
    live = await start(load(path, {}))
    return Edited(path, live, Swaps(live))


async def take(edited: Edited, text: str) -> None:
    before = edited.live.snapshot.revision
    edited.write(text)
    await edited.swaps.until(lambda snapshot: snapshot.revision > before)


async def test_the_first_start_of_all_is_no_edit(edited: Edited) -> None:
    assert await said(edited.live) == []


async def test_each_flag_that_an_edit_moved_is_noted(edited: Edited) -> None:
    await take(edited, FLAGS.replace("site: {}", "site: {enabled: true}").replace("[a]", "[b]"))
    assert await said(edited.live) == [
        ("yaml", "config", "site", {"enabled": True}),
        ("yaml", "config", "reindex", {"users": {"add": ["b"], "remove": ["a"]}}),
    ]


async def test_a_flip_that_lapsed_with_an_edit_is_noted_as_one_entry(edited: Edited) -> None:
    await edited.live.flip("site", ON, by="ann")
    since = (await edited.live.audit(1))[0].id
    await take(edited, FLAGS.replace("site: {}", "site: {mode: read-only}"))
    moved = {"enabled": False, "mode": "read-only"}
    assert await said(edited.live, since) == [("yaml", "config", "site", moved)]
    (entry, *_) = await edited.live.audit()
    assert entry.reason == "the YAML was edited: its override lapsed"


async def test_an_edit_of_a_flag_s_scope_moves_nothing_that_was_flipped(edited: Edited) -> None:
    await edited.live.flip("search", ON, by="ann")
    since = (await edited.live.audit(1))[0].id
    await take(edited, FLAGS.replace("[/search]", "[/find]"))
    assert await said(edited.live, since) == []


async def test_flags_that_come_and_go_while_on_are_noted(edited: Edited) -> None:
    await take(edited, FLAGS.replace("site: {}", "site: {}, new: {enabled: true}"))
    await take(edited, FLAGS)
    assert await said(edited.live) == [
        ("yaml", "config", "new", {"enabled": True}),
        ("yaml", "config", "new", {"enabled": False}),
    ]


async def restarted(start: Start, store: SharedStore, path: Path, text: str) -> LiveState:
    write(path, text)
    return await start(load(path, {}), store=store)


async def test_an_edit_while_no_gateway_ran_is_noted_by_the_next(start: Start, path: Path) -> None:
    store = SharedStore()
    first = await restarted(start, store, path, FLAGS)
    await first.close()
    second = await restarted(start, store, path, FLAGS.replace("site: {}", "site: {enabled: true}"))
    assert await said(second) == [("yaml", "config", "site", {"enabled": True})]
    await second.close()
    third = await restarted(start, store, path, FLAGS)
    assert (await said(third))[1:] == [("yaml", "config", "site", {"enabled": False})]
    await third.close()
    fourth = await restarted(start, store, path, FLAGS)
    assert len(await said(fourth)) == 2


async def test_a_flip_before_a_restart_is_known_to_the_next(start: Start, path: Path) -> None:
    store = SharedStore()
    first = await restarted(start, store, path, FLAGS)
    await first.flip("site", Patch({"enabled": True}), by="ann")
    await first.close()
    second = await restarted(start, store, path, FLAGS.replace("site: {}", "site: {enabled: true}"))
    assert len(await said(second)) == 2
    (entry, *_) = await second.audit()
    assert (entry.reason, entry.changes) == ("the YAML was edited: its override lapsed", None)


async def test_a_trigger_file_that_came_while_no_gateway_ran_is_noted(
    start: Start, path: Path
) -> None:
    store, flags = SharedStore(), "flags: {site: {source: {file: down}}}\n"
    first = await restarted(start, store, path, flags)
    await first.close()
    (path.parent / "down").touch()
    second = await restarted(start, store, path, flags)
    assert await said(second) == [("file", "source", "site", {"enabled": True})]
