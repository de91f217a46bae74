"""Flags that a pass opens: what is decided, what is told of it, and what a drain waits for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from gateway.core.decision import Forward, Hold, Reason, Refuse, decide, explain
from gateway.core.durations import LONGEST_TIME
from gateway.core.evidence import Evidence
from gateway.core.flags import Exemptions, Flag, Mode
from gateway.core.passes import (
    MOST_REVOKED,
    Pass,
    Revocations,
    Shown,
    is_revocation,
    read_revocations,
    revocation_key,
    revoked,
)
from gateway.core.snapshot import Snapshot, compile_snapshot, fence
from tests.support.flags import ask, exempt, flag, user_flag

LINK = "/-/maintenance/bypass/site?token=x"
NO_FLAG_HOLDS = Forward(Reason.NO_FLAG_HOLDS)


@dataclass(frozen=True)
class FakeGate:
    """Open to the cookie ``maintenance-bypass.FLAG=good``, and void to any other of that name."""

    flag: str

    def shown(self, fields: Sequence[tuple[bytes, bytes]]) -> Shown:
        name = f"maintenance-bypass.{self.flag}=".encode()
        found = [value for key, value in fields if key == b"cookie" and name in value]
        if not found:
            return Shown.NOTHING
        return Shown.VALID if any(name + b"good" in value for value in found) else Shown.VOID

    def opened_by(self, token: bytes) -> Pass | None:
        raise AssertionError("no decision reads a token")

    def issue(self, seconds: float) -> tuple[str, Pass]:
        raise AssertionError("no decision makes a pass")


def gated(*flags: Flag, but: Sequence[str] = ()) -> Snapshot:
    return compile_snapshot(
        flags,
        {},
        revision=1,
        allow=Exemptions(),
        now=0.0,
        gates=lambda one: None if one.name in but else FakeGate(one.name),
    )


def bearing(*flags: str, target: str = "/", word: str = "good", **fields: str) -> Any:
    cookie = "; ".join(f"maintenance-bypass.{name}={word}" for name in flags)
    return ask(target, cookie=cookie, **fields)


def test_pass_opens_its_flag_and_no_other_and_is_told() -> None:
    flags = gated(flag("site"), flag("search", "/search"))

    assert decide(bearing("site"), flags, 0.0) == replace(NO_FLAG_HOLDS, bypassed=("site",))
    assert decide(bearing("site", target="/search"), flags, 0.0) == Refuse("search", Reason.FEATURE)
    assert decide(bearing("search", "site", target="/search"), flags, 0.0).bypassed == (
        "site",
        "search",
    )
    assert decide(ask(), flags, 0.0) == Refuse("site", Reason.SITE)


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("off", [flag("off", enabled=False)]),
        ("elsewhere", [flag("elsewhere", "/search")]),
        ("spared", [flag("spared", allow=exempt("/"))]),
    ],
)
def test_flag_that_would_not_hold_is_not_told_as_bypassed(name: str, flags: list[Flag]) -> None:
    assert decide(bearing(name), gated(*flags), 0.0) is decide(ask(), gated(*flags), 0.0)


def test_pass_that_is_worth_nothing_is_told_from_none() -> None:
    flags = gated(flag("site"))

    assert decide(bearing("site", word="x"), flags, 0.0) == Refuse("site", Reason.BYPASS_VOID)
    assert explain(bearing("site", word="x"), flags, 0.0)[0].reason is Reason.BYPASS_VOID
    waiting = gated(flag("site", mode=Mode.HOLD))
    assert decide(bearing("site", word="x"), waiting, 0.0) == Hold("site", Reason.BYPASS_VOID)


def test_pass_is_of_a_user_s_flag_as_of_any() -> None:
    flags = gated(user_flag("mine", users=["ann"]))

    held = ask(cookie="uid=ann; maintenance-bypass.mine=good")
    assert decide(held, flags, 0.0).bypassed == ("mine",)
    assert decide(ask(cookie="uid=bob"), flags, 0.0) == NO_FLAG_HOLDS


def test_pass_takes_a_notice_away_too() -> None:
    flags = gated(flag("soon", mode=Mode.NOTICE), flag("too", mode=Mode.NOTICE))

    assert decide(bearing("soon"), flags, 0.0) == Forward(
        Reason.NO_FLAG_HOLDS, applying=("too",), bypassed=("soon",)
    )


def test_links_are_the_gateway_s_own_whatever_holds_and_while_nothing_does() -> None:
    for flags in (
        gated(flag("site")),
        gated(flag("site"), flag("search"), but=["site"]),
        gated(flag("site", enabled=False)),
    ):
        assert decide(ask(LINK), flags, 0.0) == Forward(Reason.OWN_PATH)
        assert decide(ask(f"http://example.com{LINK}"), flags, 0.0) == Forward(Reason.OWN_PATH)
    assert decide(ask(LINK), gated(flag("site"), but=["site"]), 0.0) == Refuse("site", Reason.SITE)


def test_flags_without_a_key_decide_as_they_did() -> None:
    flags = gated(flag("site", enabled=False), but=["site"])

    assert flags.holding is None
    assert decide(bearing("site"), flags, 0.0) is decide(ask(), flags, 0.0)


def test_drain_waits_for_what_the_flag_would_hold_and_no_bypasser() -> None:
    for one in (flag("site", enabled=False), user_flag("site", users=["ann"])):
        rule = gated(one).rule("site")
        assert rule is not None
        cookie = "uid=ann; maintenance-bypass.site="
        for user in (None, "ann") if rule.who else (None,):
            assert rule.concerns(Evidence(ask(cookie=cookie + "bad")), user)
            assert not rule.concerns(Evidence(ask(cookie=cookie + "good")), user)


def test_strict_flag_lets_no_pass_by_once_the_lease_is_out() -> None:
    strict = replace(flag("site"), strict=True)
    flags = gated(strict, flag("search", "/search"))

    fenced = fence(flags, allow=Exemptions())

    assert fenced is not None
    assert decide(bearing("site"), fenced, 0.0) == Refuse("site", Reason.LEASE_OUT)
    assert decide(ask(LINK), fenced, 0.0) == Forward(Reason.OWN_PATH)
    alone = fence(gated(strict), allow=Exemptions())
    assert alone is not None
    assert decide(ask(LINK), alone, 0.0) == Forward(Reason.OWN_PATH)


def test_what_is_revoked_is_all_up_to_now_or_one_by_one() -> None:
    one = revoked(None, "a", now=1.0, by="ann")
    both = revoked(one, "b", now=2.0, by="ann")
    assert read_revocations(both) == Revocations(0, frozenset({"a", "b"}))
    assert not read_revocations(both).spare(Pass("a", 0, 9))
    assert read_revocations(both).spare(Pass("c", 0, 9))

    everything = read_revocations(revoked(both, None, now=3.0, by="ann"))
    assert not everything.spare(Pass("c", 0, 9))
    assert everything.spare(Pass("c", 1, 9))
    assert read_revocations(None).spare(Pass("c", 0, 9))


def test_those_revoked_one_by_one_are_bounded_and_forgotten_once_none_can_be_valid() -> None:
    many = None
    for number in range(MOST_REVOKED):
        many = revoked(many, str(number), now=1.0, by="ann")

    with pytest.raises(ValueError, match="revoke them all"):
        revoked(many, "more", now=2.0, by="ann")
    assert revoked(many, "0", now=2.0, by="ann").values == many.values  # type: ignore[union-attr]
    later = revoked(many, "more", now=2.0 + LONGEST_TIME, by="ann")
    assert read_revocations(later).ids == {"more"}


def test_what_was_revoked_is_kept_under_a_name_that_no_flag_can_have() -> None:
    assert is_revocation(revocation_key("site"))
    assert not is_revocation("site")
    assert "/" in revocation_key("site")
