"""A snapshot shows each flag as it holds, and where that comes from."""

from __future__ import annotations

import pytest

from gateway.core.decision import Refuse, decide
from gateway.core.overrides import Lift, Override, state_digest
from tests.support.flags import ask, flag, snapshot


def test_views_are_in_the_order_written() -> None:
    compiled = snapshot(flag("b"), flag("a"))
    assert [view.flag.name for view in compiled.views] == ["b", "a"]
    assert compiled.revision == 1
    assert compiled.view("a") is compiled.views[1]
    assert compiled.view("x") is None


def test_yaml_holds_where_there_is_no_override() -> None:
    view = snapshot(flag("a", enabled=False)).views[0]
    assert (view.origin, view.override, view.since, view.by, view.reason) == (
        "yaml",
        None,
        None,
        None,
        None,
    )


def test_override_holds_and_says_who_and_why() -> None:
    off = flag("a", enabled=False)
    override = Override(state_digest(off.state), {"enabled": True}, at=5.0, by="ann", reason="move")
    compiled = snapshot(off, overrides={"a": override})
    view = compiled.views[0]
    assert view.state.enabled
    assert (view.origin, view.since, view.by, view.reason) == ("override", 5.0, "ann", "move")
    assert isinstance(decide(ask(), compiled, 0.0), Refuse)


def test_lapsed_override_leaves_the_yaml() -> None:
    override = Override("other", {"enabled": True}, at=5.0, by="ann")
    view = snapshot(flag("a", enabled=False), overrides={"a": override}).views[0]
    assert not view.state.enabled
    assert view.origin == "yaml"


def test_due_lift_is_applied() -> None:
    off = flag("a", enabled=False)
    override = Override(
        state_digest(off.state), {"enabled": True}, at=5.0, by="ann", lifts=(Lift(9.0, {}),)
    )
    assert snapshot(off, overrides={"a": override}, now=8.9).views[0].state.enabled
    assert not snapshot(off, overrides={"a": override}, now=9.0).views[0].state.enabled


def test_snapshot_asks_where_a_ttl_is_0() -> None:
    assert not snapshot(flag("a")).asks
    assert snapshot(flag("a"), flag("b", ttl=0, enabled=False)).asks


def test_snapshot_does_not_change() -> None:
    with pytest.raises(AttributeError):
        snapshot().revision = 2  # type: ignore[misc]
