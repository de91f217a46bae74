"""What an edit of the YAML came to for one flag."""

from __future__ import annotations

from typing import Any

from gateway.core.edited import edited
from gateway.core.flags import FlagState, Mode
from gateway.core.overrides import Override
from gateway.core.windows import Occurrence, Window

OFF, ON = FlagState(enabled=False), FlagState(enabled=True)


def override(**values: object) -> Override:
    return Override("d", values, 1.0, "ann")


def test_what_is_the_same_is_no_news() -> None:
    assert edited(ON, None, ON, None) == {}
    assert edited(OFF, None, FlagState(enabled=False, ttl=1.0), None) == {}


def test_each_key_that_moved_has_its_new_value() -> None:
    after = FlagState(enabled=True, mode=Mode.READ_ONLY, users=("bob", "cid"))
    before = FlagState(enabled=False, users=("ann", "bob"))
    assert edited(before, None, after, None) == {
        "enabled": True,
        "users": {"add": ["cid"], "remove": ["ann"]},
        "mode": Mode.READ_ONLY,
    }


class Counted(str):
    """A name that counts how often it was compared."""

    __slots__ = ()
    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_users_by_the_thousand_are_not_compared_each_with_each() -> None:
    names = [Counted(f"u{number}") for number in range(3000)]
    before = FlagState(enabled=False, users=tuple(names[:2000]))
    after = FlagState(enabled=False, users=tuple(names[1000:]))
    Counted.compared = 0
    users: Any = edited(before, None, after, None)["users"]
    assert (len(users["add"]), len(users["remove"])) == (1000, 1000)
    assert Counted.compared < 20_000


def test_an_override_that_lapsed_was_what_held() -> None:
    assert edited(OFF, override(enabled=True), OFF, None) == {"enabled": False}
    assert edited(OFF, override(enabled=True), ON, None) == {}
    assert edited(OFF, override(users=["ann"]), OFF, None) == {
        "users": {"add": [], "remove": ["ann"]}
    }


def test_an_override_that_is_kept_goes_on_holding() -> None:
    kept = override(enabled=True)
    assert edited(OFF, kept, OFF, kept) == {}


def test_a_flag_that_comes_or_goes_is_told_of_if_it_is_on() -> None:
    assert edited(None, None, ON, None) == {"enabled": True}
    assert edited(None, None, OFF, None) == {}
    assert edited(ON, None, None, None) == {"enabled": False}
    assert edited(OFF, None, None, None) == {}


def test_what_a_window_does_is_the_window_s_to_tell() -> None:
    window = Window(once=Occurrence(0.0, 1e10))
    assert edited(OFF, None, FlagState(enabled=False, window=window), None) == {}
