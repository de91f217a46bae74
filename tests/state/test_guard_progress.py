"""How far guarded commands are, as pages may tell it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gateway.config.settings import Address, Settings
from gateway.core.flags import Flag, FlagState, Page
from gateway.pages.news import Progress
from gateway.state.guard_progress import GuardProgress, flags_that_tell
from gateway.state.guards import Guards
from tests.support.members import AheadClock, SharedStore


class Told:
    """What pages were told, and how often."""

    def __init__(self) -> None:
        self.now: Mapping[str, Progress] = {}
        self.count = 0

    def __call__(self, progress: Mapping[str, Progress]) -> None:
        self.now = progress
        self.count += 1


class Stage:
    def __init__(self, shared: SharedStore, ahead: AheadClock) -> None:
        self.told = Told()
        self.guards = Guards(shared, monotonic=ahead)
        self.progress = GuardProgress(
            Guards(shared, monotonic=ahead), lambda: frozenset({"site"}), self.told, ahead
        )


@pytest.fixture
async def stage(shared: SharedStore, ahead: AheadClock) -> Stage:
    await shared.open()
    return Stage(shared, ahead)


async def test_pages_are_told_percent_and_how_long_it_takes_yet(
    stage: Stage, ahead: AheadClock
) -> None:
    await stage.guards.acquire("site", None, "me", {})
    await stage.progress.look()
    assert stage.told.count == 0

    await stage.guards.heartbeat("me", {"progress": {"done": 10, "of": 200}})
    await stage.progress.look()
    assert stage.told.now == {"site": Progress(5)}

    ahead.ahead += 10
    await stage.guards.heartbeat("me", {"progress": {"done": 30, "of": 200}})
    await stage.progress.look()
    assert stage.told.now["site"].percent == 15
    assert stage.told.now["site"].left == 120  # 85 s and a little, in whole minutes

    await stage.progress.look()
    assert stage.told.count == 2


async def test_a_guard_that_ends_or_dies_is_told_of_no_more(
    stage: Stage, ahead: AheadClock
) -> None:
    await stage.guards.acquire("site", None, "me", {"progress": {"done": 1, "of": 2}})
    await stage.progress.look()
    assert stage.told.now == {"site": Progress(50)}
    ahead.ahead += 60
    await stage.progress.look()
    assert stage.told.now == {}
    await stage.guards.release("me")
    await stage.progress.look()
    assert stage.told.count == 2


async def test_a_page_tells_nobody_how_far_another_user_s_command_is(stage: Stage) -> None:
    half = {"progress": {"done": 1, "of": 2}}
    await stage.guards.acquire("site", "ann", "me", half)
    await stage.progress.look()
    assert stage.told.now == {"site": Progress(50)}
    await stage.guards.acquire("site", "bob", "you", {})
    await stage.progress.look()
    assert stage.told.now == {}
    await stage.guards.release("you")
    await stage.progress.look()
    assert stage.told.now == {"site": Progress(50)}


@pytest.mark.parametrize("progress", [{"done": 0, "of": 0}, {}, 5, None])
async def test_what_says_nothing_is_not_told(stage: Stage, progress: object) -> None:
    await stage.guards.acquire("site", None, "me", {"progress": progress})
    await stage.guards.acquire("other", None, "you", {"progress": {"done": 1, "of": 2}})
    await stage.progress.look()
    assert stage.told.count == 0


def test_a_flag_tells_by_its_own_word_else_by_the_sites() -> None:
    off = FlagState(enabled=False)
    settings = Settings(
        upstream=Address("127.0.0.1", 1),
        flags=(Flag("a", off), Flag("b", off, page=Page(progress=False))),
        page=Page(progress=True),
    )
    assert flags_that_tell(settings) == {"a"}
