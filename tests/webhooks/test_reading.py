"""What the audit's entries are told as."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config.settings import Secret, Webhook
from gateway.core.events import MOST_NAMED, Group, Type
from gateway.core.flags import Flag
from gateway.stores.base import AuditEntry
from gateway.webhooks.reading import MOST_LOOKED_AT, event_of, next_told
from tests.support.flags import flag

EPOCH = "0123456789abcdef"
ALL = Webhook("team", Secret("https://x"))
SEARCH = flag("search", "/search")


def flags(name: str) -> tuple[Flag, str] | None:
    return (SEARCH, "unavailable") if name == "search" else None


def entry(
    number: int, action: str, changes: dict[str, Any] | None, name: str = "search", by: str = "ann"
) -> AuditEntry:
    return AuditEntry(100.0 + number, by, action, name, "why", changes, number, number)


def users(number: int, *add: str, by: str = "ann", name: str = "search") -> AuditEntry:
    return entry(number, "users", {"users": {"add": list(add), "remove": []}}, name, by)


def kind_of(action: str, changes: dict[str, Any] | None, name: str = "search") -> Type | None:
    event = event_of(entry(1, action, changes, name), flags, EPOCH)
    return None if event is None else event.type


@pytest.mark.parametrize(
    ("action", "changes", "expected"),
    [
        ("flip", {"enabled": True, "until": 500.0}, Type.FLAG_ON),
        ("flip", {"enabled": False, "until": None}, Type.FLAG_OFF),
        ("reset", {"enabled": False}, Type.FLAG_OFF),
        ("lift", {"enabled": False, "until": None}, Type.FLAG_OFF),
        ("config", {"enabled": True}, Type.FLAG_ON),
        ("source", {"enabled": True}, Type.FLAG_ON),
        ("flip", {"mode": "hold"}, Type.FLAG_CHANGED),
        ("flip", {"users": {"add": ["a"], "remove": []}}, Type.FLAG_USERS),
        ("lift", {"users": {"add": [], "remove": ["a"]}, "until": None}, Type.FLAG_USERS),
        ("users", {"users": {"add": ["a"], "remove": []}}, Type.FLAG_USERS),
        ("window", {"enabled": True, "until": 500.0}, Type.WINDOW_BEGAN),
        ("window", {"enabled": False}, Type.WINDOW_ENDED),
        ("window", {}, Type.WINDOW_ENDED),
        ("guard", {"guard": "g", "state": "started"}, Type.GUARD_STARTED),
        ("guard", {"guard": "g", "state": "finished"}, Type.GUARD_FINISHED),
        ("guard", {"guard": "g", "state": "failed"}, Type.GUARD_FAILED),
        ("guard", {"guard": "g", "state": "released"}, Type.GUARD_RELEASED),
        ("guard", {"guard": "g", "state": "abandoned"}, Type.GUARD_ABANDONED),
        ("forgotten", {"since": 1.0, "max": 60.0}, Type.FLAG_FORGOTTEN),
    ],
)
def test_each_action_on_a_flag_is_told_as_what_it_did(
    action: str, changes: dict[str, Any], expected: Type
) -> None:
    assert kind_of(action, changes) is expected


@pytest.mark.parametrize(
    ("action", "changes"),
    [
        ("flip", {"enabled": True, "guard": "g"}),
        ("users", {"users": {"add": ["a"], "remove": []}, "guard": "g"}),
        ("flip", {"until": None}),
        ("config", None),
        ("refused", None),
        ("bypass", {"id": "x"}),
        ("revoke", {"id": None}),
        ("of a later version", {"enabled": True}),
        ("guard", {"guard": "g", "state": "of a later version"}),
    ],
)
def test_what_a_guard_flips_and_what_moves_nothing_is_not_told(
    action: str, changes: dict[str, Any] | None
) -> None:
    assert kind_of(action, changes) is None


def test_the_configuration_is_told_as_valid_or_not() -> None:
    assert kind_of("config", {"valid": False}, "") is Type.CONFIG_INVALID
    assert kind_of("config", {"valid": True}, "") is Type.CONFIG_VALID
    assert kind_of("config", None, "") is None


def test_an_event_has_the_entry_s_words_and_an_id_that_is_always_the_same() -> None:
    changes = {"enabled": True, "mode": "hold", "until": 500.0}
    event = event_of(entry(7, "flip", changes), flags, EPOCH)
    assert event == event_of(entry(7, "flip", changes), flags, EPOCH)
    assert event is not None
    assert (event.id, event.at, event.by, event.reason) == ("evt_01234567_7", 107.0, "ann", "why")
    assert (event.about, event.mode, event.until) == (SEARCH, "unavailable", 500.0)
    assert event.details == {"changes": {"enabled": True, "mode": "hold"}}


def test_a_guard_s_event_says_what_it_ran_and_how_that_ended() -> None:
    changes = {"guard": "g", "state": "failed", "command": "./x", "status": 3, "left_on": True}
    event = event_of(entry(1, "guard", changes), flags, EPOCH)
    assert event is not None
    told = {"id": "g", "user": None, "host": None, "command": "./x", "status": 3, "left_on": True}
    assert event.details == {"guard": told}


def test_a_webhook_is_told_of_its_groups_and_flags_alone() -> None:
    entries = [
        entry(1, "flip", {"mode": "hold"}),
        entry(2, "flip", {"enabled": True}, name="site"),
        entry(3, "config", {"valid": False}, name=""),
        entry(4, "flip", {"enabled": True}),
    ]
    webhook = Webhook("w", Secret("x"), events=frozenset({Group.FLIP}), flags=frozenset({"search"}))
    told = next_told(entries, webhook, flags, EPOCH)
    assert (told.event and told.event.id, told.last, told.open) == ("evt_01234567_4", 4, False)
    nothing = next_told(entries[:3], webhook, flags, EPOCH)
    assert (nothing.event, nothing.last) == (None, 3)


def test_what_is_of_no_flag_is_told_whatever_flags_are_named() -> None:
    webhook = Webhook("w", Secret("x"), flags=frozenset({"site"}))
    told = next_told([entry(1, "config", {"valid": False}, name="")], webhook, flags, EPOCH)
    assert told.event is not None


def test_users_one_after_another_are_one_event_until_something_else_comes() -> None:
    entries = [users(1, "a"), users(2, "b"), entry(3, "refused", None), users(4, "c")]
    told = next_told(entries, ALL, flags, EPOCH)
    assert told.open
    assert told.last == 4
    assert told.event is not None
    assert (told.event.id, told.event.revision) == ("evt_01234567_1-4", 4)
    assert told.event.details["users"] == {
        "added": ["a", "b", "c"],
        "removed": [],
        "added_count": 3,
        "removed_count": 0,
    }
    later = next_told([*entries, entry(5, "flip", {"enabled": False})], ALL, flags, EPOCH)
    assert (later.event, later.last, later.open) == (told.event, 4, False)


@pytest.mark.parametrize("other", [users(3, "c", by="bob"), users(3, "c", name="site")])
def test_users_of_another_flag_or_by_another_are_another_event(other: AuditEntry) -> None:
    told = next_told([users(1, "a"), users(2, "b"), other], ALL, flags, EPOCH)
    assert (told.event and told.event.id, told.last) == ("evt_01234567_1-2", 2)


def test_a_thousand_users_are_counted_and_a_hundred_named_and_more_are_the_next() -> None:
    entries = [users(number, f"u{number}") for number in range(1, 2001)]
    told = next_told(entries, ALL, flags, EPOCH)
    assert (told.last, told.open) == (MOST_LOOKED_AT, False)
    assert told.event is not None
    moved: Any = told.event.details["users"]
    assert (moved["added_count"], len(moved["added"])) == (MOST_LOOKED_AT, MOST_NAMED)


def test_a_thousand_that_are_not_told_are_passed_before_the_next_are_looked_at() -> None:
    entries = [entry(number, "refused", None) for number in range(1, 2001)]
    told = next_told(entries, ALL, flags, EPOCH)
    assert (told.event, told.last, told.open) == (None, MOST_LOOKED_AT, False)
