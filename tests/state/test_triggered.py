"""Trigger files come and go: followed, noted in the store, and never failing open."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import load
from gateway.config.triggers import trigger_errors
from gateway.core.overrides import Patch, PatchError
from gateway.core.snapshot import FlagView, Snapshot
from tests.state.conftest import Start
from tests.state.stage import Swaps, is_on
from tests.state.test_live_yaml import Edited, write

TRIGGERED = "flags: {site: {source: {file: down}}}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "down"


@pytest.fixture
async def triggered(start: Start, tmp_path: Path) -> Edited:
    path = tmp_path / "config.yaml"
    write(path, TRIGGERED)
    live = await start(load(path, {}))
    return Edited(path, live, Swaps(live))


def site(snapshot: Snapshot) -> FlagView:
    (view,) = snapshot.views
    return view


def is_off(snapshot: Snapshot) -> bool:
    return not is_on(snapshot)


async def test_a_flag_is_on_while_its_file_is_there(triggered: Edited, file: Path) -> None:
    before = triggered.live.snapshot.revision
    assert is_off(triggered.live.snapshot)
    file.touch()
    snapshot = await triggered.swaps.until(is_on)
    assert snapshot.revision == before + 1
    file.unlink()
    snapshot = await triggered.swaps.until(is_off)
    assert snapshot.revision == before + 2
    entries = [each for each in await triggered.live.audit() if each.action == "source"]
    said = [(each.by, each.flag, each.reason, each.changes) for each in entries]
    assert said == [
        ("file", "site", f"{file} is gone", {"enabled": False}),
        ("file", "site", f"{file} is there", {"enabled": True}),
    ]


async def test_what_the_file_says_holds_but_for_what_is_flipped(
    triggered: Edited, file: Path
) -> None:
    file.write_text("message: Ten minutes.\nretry_after: 600\nallow: {ips: [192.0.2.1]}\n")
    snapshot = await triggered.swaps.until(is_on)
    assert (site(snapshot).state.message, site(snapshot).state.retry_after) == ("Ten minutes.", 600)
    assert snapshot.rules[0].exempt_networks is not None
    await triggered.live.flip("site", Patch({"page.message": "An hour."}), by="ops")
    assert site(triggered.live.snapshot).state.message == "An hour."
    file.unlink()  # which is no edit of the YAML: the override goes on
    snapshot = await triggered.swaps.until(is_off)
    assert site(snapshot).state.message == "An hour."


async def test_only_the_file_says_whether_the_flag_is_on(triggered: Edited, file: Path) -> None:
    with pytest.raises(PatchError, match=r"this flag is on while .*down is there"):
        await triggered.live.flip("site", Patch({"enabled": True}), by="ops")
    assert is_off(triggered.live.snapshot)


async def test_a_broken_file_turns_the_flag_on_and_shows(triggered: Edited, file: Path) -> None:
    file.write_text("allow: everybody\n")
    snapshot = await triggered.swaps.until(is_on)
    (error,) = trigger_errors(triggered.live.settings)
    assert "allow: must be a mapping" in str(error)
    assert snapshot.rules[0].holds_everything
    file.write_text("")
    await triggered.swaps.until(lambda _: not trigger_errors(triggered.live.settings))
    assert is_on(triggered.live.snapshot)


async def test_a_link_to_nothing_in_its_place_turns_the_flag_on(
    triggered: Edited, file: Path
) -> None:
    file.symlink_to("nothing")
    await triggered.swaps.until(is_on)


async def test_the_file_is_followed_while_the_yaml_is_wrong(triggered: Edited, file: Path) -> None:
    triggered.write("flags: {site: {source: {file: down}, nonsense: 1}}\n")
    file.touch()
    await triggered.swaps.until(is_on)
    file.unlink()
    await triggered.swaps.until(is_off)
    assert triggered.live.config_errors


async def test_a_member_that_starts_late_looks_for_the_file_first(
    start: Start, tmp_path: Path, file: Path
) -> None:
    path = tmp_path / "config.yaml"
    write(path, TRIGGERED)
    settings = load(path, {})
    file.touch()
    live = await start(settings)
    assert is_on(live.snapshot)
