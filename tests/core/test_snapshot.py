"""A snapshot shows each flag as it holds, and where that comes from."""

from __future__ import annotations

import pytest

from gateway.core.decision import Refuse, decide
from gateway.core.flags import Flag, Mode
from gateway.core.overrides import Lift, Override, flipped, state_digest
from gateway.core.patches import read_patch
from tests.support.flags import ask, flag, snapshot, user_flag


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


def flips(known: Flag, *documents: dict[str, object]) -> dict[str, Override]:
    override: Override | None = None
    for document in documents:
        override = flipped(known, override, read_patch(document), now=0.0, by="ann")
    return {} if override is None else {known.name: override}


@pytest.mark.parametrize(
    ("documents", "until"),
    [
        ([{"enabled": True, "for": 60}], 60.0),
        ([{"enabled": True, "for": 60}, {"mode": "read-only", "for": 30}], 60.0),
        ([{"enabled": True, "for": 60}, {"mode": "notice", "for": 90}], 60.0),
        ([{"enabled": True}], None),
        ([{"enabled": True}, {"mode": "read-only", "for": 30}], None),
        ([{"enabled": True, "mode": "notice"}, {"mode": "unavailable", "for": 30}], 30.0),
        ([{"enabled": True}, {"enabled": False, "for": 30}], None),
        ([{"ttl": 5, "for": 60}], None),
    ],
)
def test_a_hold_ends_with_the_flip_that_is_undone(
    documents: list[dict[str, object]], until: float | None
) -> None:
    known = flag("a", enabled=False)
    assert snapshot(known, overrides=flips(known, *documents)).views[0].until == until


def test_a_per_user_flag_says_when_it_ends_only_if_all_are_let_go_at_once() -> None:
    known, listing = user_flag("u"), user_flag("u", users=["ann"])
    both, one = {"users": ["bob", "eve"], "for": 60}, {"users": ["bob", "eve", "joe"], "for": 30}
    assert snapshot(known, overrides=flips(known, both)).views[0].until == 60.0
    assert snapshot(known, overrides=flips(known, both, one)).views[0].until is None
    more = {"users": ["ann", "bob"], "for": 60}
    assert snapshot(listing, overrides=flips(listing, more)).views[0].until is None


def test_of_two_histories_a_hold_ends_when_both_say_so() -> None:
    known = flag("a", enabled=False, mode=Mode.READ_ONLY)
    soon, late = (flips(known, {"enabled": True, "for": lasts}) for lasts in (30, 60))
    assert snapshot(known, overrides=soon, others=soon).views[0].until == 30.0
    assert snapshot(known, overrides=soon, others=late).views[0].until is None


def test_snapshot_asks_where_a_ttl_is_0() -> None:
    assert not snapshot(flag("a")).asks
    assert snapshot(flag("a"), flag("b", ttl=0, enabled=False)).asks


def test_snapshot_does_not_change() -> None:
    with pytest.raises(AttributeError):
        snapshot().revision = 2  # type: ignore[misc]
