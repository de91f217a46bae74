"""What a message of a webhook has in it."""

from __future__ import annotations

from gateway.core.events import Event, Group, Type, payload
from tests.support.flags import flag

AT = 1_900_000_000.25


def test_payload_has_every_key_whether_known_or_not() -> None:
    told = payload(Event(Type.CONFIG_VALID, "evt_a_1", AT), None)
    assert told == {
        "type": "config.valid",
        "id": "evt_a_1",
        "timestamp": "2030-03-17T17:46:40.250Z",
        "version": 1,
        "label": None,
        "revision": 0,
        "flag": None,
        "kind": None,
        "mode": None,
        "scope": None,
        "by": "",
        "reason": None,
        "until": None,
    }


def test_payload_says_what_the_flag_is_about_and_what_is_of_its_type() -> None:
    event = Event(
        Type.FLAG_ON,
        "evt_a_2",
        AT,
        "alice",
        "move",
        7,
        "search",
        flag("search", "/search"),
        "unavailable",
        AT + 60,
        {"changes": {"enabled": True}},
    )
    told = payload(event, "staging")
    assert (told["label"], told["by"], told["reason"], told["revision"]) == (
        "staging",
        "alice",
        "move",
        7,
    )
    assert (told["kind"], told["mode"]) == ("feature", "unavailable")
    assert told["scope"] == {"hosts": [], "paths": ["/search"], "methods": []}
    assert told["until"] == "2030-03-17T17:47:40.250Z"
    assert told["changes"] == {"enabled": True}


def test_every_type_is_of_a_group_but_a_test_which_is_for_all() -> None:
    groups = {each: each.group for each in Type}
    assert groups.pop(Type.TEST) is None
    assert set(groups.values()) == set(Group)
