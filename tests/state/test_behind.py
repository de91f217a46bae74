"""Who is behind: only those who do not serve what was served here for a while."""

from __future__ import annotations

from gateway.core.quiescence import Standing
from gateway.state.behind import PATIENCE, Behind
from gateway.state.roll import Member
from gateway.stores.base import Record


def member(revision: int | None, standing: Standing = Standing.LIVE) -> Member:
    return Member(Record("one", 1, {"revision": revision}), standing, 0.0, 0.0)


def test_nobody_is_behind_just_after_a_flip() -> None:
    behind = Behind()
    behind.look([member(7)], 7, 0.0)
    behind.look([member(7)], 8, 100.0)
    behind.look([member(7)], 8, 100.0 + PATIENCE - 0.1)
    assert behind.count == 0


def test_who_does_not_follow_a_flip_is_behind_after_a_while() -> None:
    behind = Behind()
    behind.look([member(7), member(7)], 7, 0.0)
    behind.look([member(7), member(8)], 8, 100.0)
    behind.look([member(7), member(8)], 8, 100.0 + PATIENCE)
    assert behind.count == 1
    behind.look([member(8), member(8)], 8, 101.0 + PATIENCE)
    assert behind.count == 0


def test_nobody_is_behind_who_follows_one_flip_after_another() -> None:
    behind = Behind()
    for second in range(60):
        behind.look([member(max(second - 4, 0))], second, float(second))
        assert behind.count == 0
    behind.look([member(50)], 60, 60.0)
    assert behind.count == 1


def test_who_acknowledges_no_revision_is_behind() -> None:
    behind = Behind()
    behind.look([member(None)], 7, 0.0)
    assert behind.count == 1


def test_who_does_not_beat_is_not_behind_but_gone() -> None:
    behind = Behind()
    gone = [member(None, standing) for standing in (Standing.SILENT, Standing.CRASHED)]
    behind.look([*gone, member(None, Standing.LEAVING)], 7, 0.0)
    assert behind.count == 1
