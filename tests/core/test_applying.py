"""Flags that never stop the search: what they apply to goes on, and says which they are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.core.decision import Forward, Reason, Refuse, decide, explain
from gateway.core.flags import Flag, Mode, Strip
from gateway.core.overrides import PatchError, effective, flipped, read_patch
from gateway.core.snapshot import fence
from tests.support.flags import ask, exempt, flag, snapshot, user_flag

STRIP = Strip(cookies=("sessionid",), headers=("Authorization",))


def notice(name: str, *paths: str, **rest: Any) -> Flag:
    return flag(name, *paths, mode=Mode.NOTICE, **rest)


def anonymous(name: str, *paths: str, **rest: Any) -> Flag:
    return replace(flag(name, *paths, mode=Mode.ANONYMOUS, **rest), strip=STRIP)


def test_flags_that_apply_are_named_in_order_and_stop_nothing() -> None:
    flags = (notice("a", "/s"), anonymous("b"), flag("held", "/held"), notice("c"))

    assert decide(ask("/s"), snapshot(*flags), 0.0).applying == ("a", "b", "c")
    assert decide(ask("/x"), snapshot(*flags), 0.0) == Forward(Reason.NO_FLAG_HOLDS, ("b", "c"))
    assert decide(ask("/held"), snapshot(*flags), 0.0) == Refuse("held", Reason.FEATURE)


def test_whole_site_that_is_held_is_so_beside_a_notice() -> None:
    flags = (notice("a"), flag("site"))

    assert decide(ask("/s"), snapshot(*flags), 0.0) == Refuse("site", Reason.SITE)


def test_notice_that_is_off_or_exempt_or_elsewhere_does_not_apply() -> None:
    off, elsewhere = notice("off", enabled=False), notice("elsewhere", "/else")
    spared = notice("spared", allow=exempt("/s"))

    decision = decide(ask("/s"), snapshot(off, elsewhere, spared), 0.0)

    assert decision == Forward(Reason.NO_FLAG_HOLDS)


def test_user_flag_applies_to_its_users_alone() -> None:
    mine = replace(user_flag("mine", users=["ann"]), strip=STRIP)
    mine = replace(mine, state=replace(mine.state, mode=Mode.ANONYMOUS))

    assert decide(ask(cookie="uid=ann"), snapshot(mine), 0.0).applying == ("mine",)
    assert decide(ask(cookie="uid=bob"), snapshot(mine), 0.0).applying == ()


def test_style_sheets_are_the_gateway_s_own_while_any_notice_is_on() -> None:
    path = "/-/maintenance/notice/a-1.css"

    assert decide(ask(path), snapshot(notice("a", "/s"), flag("f", "/")), 0.0) == Forward(
        Reason.OWN_PATH
    )
    assert decide(ask(path), snapshot(), 0.0) == Forward(Reason.NO_FLAG_HOLDS)


def test_verdicts_say_that_it_goes_on_and_how() -> None:
    told = explain(ask("/s"), snapshot(notice("a", "/s"), anonymous("b")), 0.0)

    assert [(one.holds, one.reason) for one in told] == [
        (False, Reason.NOTICE),
        (False, Reason.ANONYMOUS),
    ]
    assert told[0].detail == (
        "The request is in the flag's scope: path /s is in /s. It is forwarded with a notice."
    )
    assert told[1].detail == (
        "The flag is for the whole site. "
        "It is forwarded without cookie sessionid, header Authorization."
    )


def test_drain_asks_for_what_went_on_before_the_flag_applied() -> None:
    rule = snapshot(anonymous("b", "/s")).rule("b")
    assert rule is not None

    assert rule.holds(None)
    assert not snapshot(anonymous("b", enabled=False)).rule("b").holds(None)  # type: ignore[union-attr]


def test_strict_flag_holds_its_scope_with_the_lease_out_whatever_its_mode() -> None:
    strict = replace(anonymous("b", "/s", enabled=False), strict=True)
    fenced = fence(snapshot(strict), allow=exempt())
    assert fenced is not None

    assert decide(ask("/s"), fenced, 0.0) == Refuse("b", Reason.LEASE_OUT)


def test_flip_to_anonymous_needs_something_to_take_out() -> None:
    patch = read_patch({"mode": "anonymous"})

    with pytest.raises(PatchError, match="mode: anonymous needs the flag to have strip"):
        flipped(flag("f"), None, patch, now=0.0, by="ann")

    made = flipped(anonymous("f"), None, read_patch({"mode": "notice"}), now=0.0, by="ann")
    assert effective(anonymous("f").state, made, 0.0)[0].mode is Mode.NOTICE


def test_flip_to_anonymous_refuses_once_the_yaml_has_lost_its_strip() -> None:
    known = replace(flag("f"), strip=STRIP)
    override = flipped(known, None, read_patch({"mode": "anonymous"}), now=0.0, by="ann")
    assert override is not None

    held = snapshot(flag("f"), overrides={"f": override})

    assert decide(ask(), held, 0.0) == Refuse("f", Reason.SITE)
