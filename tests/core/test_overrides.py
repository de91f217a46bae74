"""Flips as pure functions: what a patch makes of an override, and when it ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core.flags import Flag, FlagState, Identity, IdentitySource, Mode
from gateway.core.overrides import (
    MOST_LIFTS,
    Lift,
    Override,
    changes,
    effective,
    flipped,
    lifted,
    state_digest,
    with_users,
)
from gateway.core.patches import Patch, PatchError

NOW = 1_000.0
OFF = FlagState(enabled=False)
SITE = Flag("site", OFF)
USER = Flag(
    "reindex", FlagState(enabled=True), identity=Identity((IdentitySource("cookie", "uid"),))
)


def flip(flag: Flag, current: Override | None = None, **words: object) -> Override | None:
    values = {key: value for key, value in words.items() if key not in {"now", "lasts", "reason"}}
    values = {key.replace("page_", "page."): value for key, value in values.items()}
    patch = Patch(values, words.get("reason", ""), words.get("lasts"))
    return flipped(flag, current, patch, now=words.get("now", NOW), by="ann")


def held(flag: Flag, override: Override | None, now: float = NOW) -> FlagState:
    return effective(flag.state, override, now)[0]


def test_without_an_override_the_yaml_holds() -> None:
    assert effective(OFF, None, NOW) == (OFF, None)


def test_an_override_changes_only_the_keys_it_has() -> None:
    override = flip(SITE, enabled=True, page_message="Back soon", ttl=0.0, mode="read-only")
    assert held(SITE, override) == replace(
        OFF, enabled=True, message="Back soon", ttl=0.0, mode=Mode.READ_ONLY
    )


@pytest.mark.parametrize(
    "edit",
    [
        {"enabled": True},
        {"users": ("bob",)},
        {"rollout": 1.0},
        {"ttl": 5.0},
        {"mode": Mode.READ_ONLY},
        {"message": "x"},
        {"retry_after": 5},
    ],
)
def test_an_edit_of_an_overridable_key_lapses_the_override(edit: dict[str, object]) -> None:
    override = flip(SITE, enabled=True)
    edited = replace(OFF, **edit)
    assert effective(edited, override, NOW) == (edited, None)


def test_an_edit_of_the_files_own_ttl_leaves_the_override() -> None:
    state = FlagState(enabled=False, ttl=300.0, ttl_inherited=True)
    override = flip(replace(SITE, state=state), enabled=True)
    assert effective(replace(state, ttl=60.0), override, NOW)[0].enabled


def test_a_ttl_written_at_the_flag_for_the_first_time_lapses_the_override() -> None:
    inherited = FlagState(enabled=False, ttl=300.0, ttl_inherited=True)
    assert state_digest(inherited) != state_digest(replace(inherited, ttl_inherited=False))


def test_the_order_of_users_does_not_count_in_the_digest() -> None:
    assert state_digest(replace(OFF, users=("a", "b"))) == state_digest(
        replace(OFF, users=("b", "a", "b"))
    )


def test_a_whole_number_and_a_float_have_one_digest() -> None:
    assert state_digest(replace(OFF, rollout=5)) == state_digest(replace(OFF, rollout=5.0))


def test_a_mode_of_a_later_version_refuses_everything() -> None:
    override = Override(state_digest(OFF), {"mode": "greyscale"}, NOW, "ann")
    assert held(SITE, override).mode is Mode.UNAVAILABLE


def test_null_takes_a_key_back_to_the_yaml() -> None:
    override = flip(SITE, flip(SITE, enabled=True, page_message="x"), page_message=None)
    assert override is not None
    assert override.values == {"enabled": True}
    assert flip(SITE, override, enabled=None) is None


def test_the_same_flip_again_changes_nothing() -> None:
    first = flip(SITE, enabled=True, reason="move")
    assert flip(SITE, first, enabled=True, now=NOW + 5) is first
    assert flip(SITE, first, enabled=True, reason="move", now=NOW + 5) is first


def test_a_new_reason_is_kept_and_the_time_stays() -> None:
    first = flip(SITE, enabled=True, reason="move")
    second = flip(SITE, first, enabled=True, reason="move of the database", now=NOW + 5)
    assert second is not None
    assert (second.reason, second.at) == ("move of the database", NOW)


def test_a_flip_on_a_lapsed_override_starts_from_the_yaml() -> None:
    lapsed = flip(SITE, enabled=True, page_message="old")
    edited = replace(SITE, state=replace(OFF, retry_after=60))
    override = flip(edited, lapsed, enabled=True)
    assert override is not None
    assert override.values == {"enabled": True}


def test_users_on_a_flag_without_user_are_an_error() -> None:
    with pytest.raises(PatchError) as caught:
        flip(SITE, users=["bob"], rollout=5)
    assert [path for path, _ in caught.value.errors] == ["users", "rollout"]
    with pytest.raises(PatchError):
        with_users(SITE, None, add=["bob"], now=NOW, by="ann")


def test_null_users_are_no_error_on_any_flag() -> None:
    assert flip(SITE, users=None, rollout=None) is None


# For a while


def test_on_for_a_while_goes_off_again_and_leaves_nothing() -> None:
    override = flip(SITE, enabled=True, lasts=60.0)
    assert held(SITE, override, NOW + 59).enabled
    assert effective(OFF, override, NOW + 60) == (OFF, None)


def test_on_for_a_while_goes_off_although_it_was_on_before() -> None:
    on = Flag("site", FlagState(enabled=True))
    for before in (None, flip(on, enabled=True)):
        override = flip(on, before, enabled=True, lasts=60.0)
        assert not held(on, override, NOW + 60).enabled


def test_off_for_a_while_goes_on_again() -> None:
    override = flip(SITE, flip(SITE, enabled=True), enabled=False, lasts=60.0)
    assert not held(SITE, override).enabled
    assert held(SITE, override, NOW + 60).enabled


def test_a_per_user_flag_stays_armed_when_its_users_are_lifted() -> None:
    override = flip(USER, enabled=True, users=["bob"], lasts=60.0)
    assert held(USER, override).users == ("bob",)
    assert held(USER, override, NOW + 60) == USER.state


def test_a_lift_takes_out_only_the_users_that_its_flip_added() -> None:
    before = flip(USER, users=["ann"])
    override = flip(USER, before, users=["ann", "bob"], lasts=60.0)
    override = with_users(USER, override, add=["cleo"], now=NOW + 5, by="dan")
    assert set(held(USER, override, NOW + 59).users) == {"ann", "bob", "cleo"}
    assert set(held(USER, override, NOW + 60).users) == {"ann", "cleo"}


def test_a_user_removed_in_the_meantime_does_not_come_back() -> None:
    before = flip(USER, users=["ann"])
    override = flip(USER, before, users=["ann", "bob"], lasts=60.0)
    override = with_users(USER, override, remove=["ann"], now=NOW + 5, by="dan")
    assert held(USER, override, NOW + 60).users == ()


def test_a_user_added_for_good_stays_after_the_lift() -> None:
    override = flip(USER, users=["bob"], lasts=60.0)
    override = with_users(USER, override, add=["bob"], now=NOW + 5, by="dan")
    assert override is not None
    assert override.lifts == ()
    assert held(USER, override, NOW + 60).users == ("bob",)


def test_a_user_added_for_a_while_goes_even_if_listed_already() -> None:
    listed = replace(USER, state=replace(USER.state, users=("ann", "bob")))
    override = with_users(listed, None, add=["ann", "eve"], now=NOW, by="dan", lasts=2.0)
    assert held(listed, override, NOW + 1).users == ("ann", "bob", "eve")
    assert held(listed, override, NOW + 2).users == ("bob",)
    override = with_users(listed, override, add=["ann"], now=NOW + 1, by="dan", lasts=60.0)
    assert held(listed, override, NOW + 60).users == ("bob", "ann")
    assert held(listed, override, NOW + 61).users == ("bob",)


def test_a_while_that_ends_before_another_ends_it() -> None:
    override = flip(USER, users=["ann", "bob"], lasts=60.0)
    override = with_users(USER, override, add=["ann"], now=NOW, by="dan", lasts=2.0)
    assert held(USER, override, NOW + 2).users == ("bob",)
    assert held(USER, override, NOW + 60).users == ()


def test_a_later_flip_for_good_cancels_the_lift_of_its_keys_alone() -> None:
    override = flip(SITE, enabled=True, page_message="x", lasts=60.0)
    override = flip(SITE, override, enabled=True, now=NOW + 5)
    assert held(SITE, override, NOW + 60) == replace(OFF, enabled=True)


def test_a_later_flip_of_another_key_leaves_the_lift() -> None:
    override = flip(SITE, enabled=True, lasts=60.0)
    override = flip(SITE, override, page_message="x", now=NOW + 5)
    assert held(SITE, override, NOW + 60) == replace(OFF, message="x")


def test_a_flip_for_longer_extends_and_one_for_less_shortens() -> None:
    override = flip(SITE, enabled=True, lasts=60.0)
    longer = flip(SITE, override, enabled=True, lasts=120.0)
    assert held(SITE, longer, NOW + 119).enabled
    assert not held(SITE, longer, NOW + 120).enabled
    shorter = flip(SITE, override, enabled=True, lasts=30.0)
    assert not held(SITE, shorter, NOW + 30).enabled


def test_flips_with_different_ends_are_each_undone_at_their_own() -> None:
    override = flip(USER, users=["ann"], lasts=60.0)
    override = flip(USER, override, users=["ann", "bob"], lasts=90.0)
    assert held(USER, override, NOW + 30).users == ("ann", "bob")
    override = flip(USER, flip(USER, users=["ann"], lasts=90.0), rollout=50, lasts=60.0)
    assert held(USER, override, NOW + 61) == replace(USER.state, users=("ann",))
    assert held(USER, override, NOW + 91) == USER.state


def test_lifting_twice_is_lifting_once() -> None:
    override = Override("d", {"enabled": True}, NOW, "ann", lifts=(Lift(NOW + 1, {"ttl": 0.0}),))
    once = lifted(override, NOW + 5)
    assert once is not None
    assert lifted(once, NOW + 5) is once
    assert (once.values, once.at, once.lifts) == ({"ttl": 0.0}, NOW + 1, ())


def test_lifts_that_were_missed_are_all_applied() -> None:
    lifts = (Lift(NOW + 1, {"enabled": False}), Lift(NOW + 2, {}))
    override = Override("d", {"enabled": True}, NOW, "ann", lifts=lifts)
    assert lifted(override, NOW + 9) is None
    once = lifted(override, NOW + 1)
    assert once is not None
    assert (once.values, once.at, once.lifts) == ({"enabled": False}, NOW + 1, lifts[1:])


def test_no_more_lifts_overlap_than_are_allowed() -> None:
    override = None
    for ttl in range(1, MOST_LIFTS + 1):
        override = flip(SITE, override, ttl=ttl, lasts=1000.0 - ttl)
    assert override is not None
    assert len(override.lifts) == MOST_LIFTS
    with pytest.raises(PatchError, match="for: 16 flips of this flag are to be undone already"):
        flip(SITE, override, ttl=99, lasts=5.0)
    assert flip(SITE, override, enabled=True) is not None
    later = flip(SITE, override, ttl=99, lasts=5.0, now=NOW + 999)
    assert held(SITE, later, NOW + 999).ttl == 99


def test_more_lifts_than_are_allowed_now_are_applied_and_can_be_flipped() -> None:
    lifts = tuple(Lift(NOW + at, {"ttl": float(at)}) for at in range(1, 5_001))
    override = Override(state_digest(SITE.state), {"ttl": 0.0}, NOW, "ann", lifts=lifts)
    assert held(SITE, override, NOW + 4_000).ttl == 4_000
    flipped_on = flip(SITE, override, enabled=True)
    assert flipped_on is not None
    assert len(flipped_on.lifts) == 5_000
    with pytest.raises(PatchError, match="5000 flips"):
        flip(SITE, override, enabled=True, lasts=9_000.0)


def test_users_added_for_a_while_are_lifts_too() -> None:
    override = None
    for user in range(MOST_LIFTS):
        override = with_users(USER, override, add=[f"u{user}"], now=NOW + user, by="x", lasts=99.0)
    with pytest.raises(PatchError, match="for: "):
        with_users(USER, override, add=["ann"], now=NOW + 50, by="x", lasts=99.0)
    assert with_users(USER, override, add=["ann"], now=NOW + 50, by="x") is not None


# Users


def test_users_are_added_once_and_removed_once() -> None:
    override = with_users(USER, None, add=["ann", "bob", "ann"], now=NOW, by="dan")
    assert held(USER, override).users == ("ann", "bob")
    assert with_users(USER, override, add=["ann"], now=NOW, by="dan") is override
    assert with_users(USER, override, remove=["eve"], now=NOW, by="dan") is override


def test_adding_a_user_keeps_those_of_the_yaml() -> None:
    flag = replace(USER, state=replace(USER.state, users=("ann",)))
    override = with_users(flag, None, add=["bob"], now=NOW, by="dan")
    assert held(flag, override).users == ("ann", "bob")


def test_a_user_both_added_and_removed_is_removed() -> None:
    assert with_users(USER, None, add=["ann"], remove=["ann"], now=NOW, by="dan") is None


def test_what_is_no_user_is_an_error() -> None:
    with pytest.raises(PatchError) as caught:
        with_users(USER, None, add=[""], now=NOW, by="dan")
    assert caught.value.errors[0][0] == "add[0]"


# Changes


def test_changes_name_the_new_value_of_what_moved() -> None:
    before = flip(USER, users=["ann"], rollout=5)
    after = flip(USER, before, users=["bob"], rollout=5, page_message="x", lasts=60.0)
    assert changes(USER.state, before, after, NOW) == {
        "users": {"add": ["bob"], "remove": ["ann"]},
        "page.message": "x",
        "until": NOW + 60,
    }
    assert changes(USER.state, after, before, NOW)["until"] is None
