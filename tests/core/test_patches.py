"""A patch from outside: every error in it, each with its path, and nothing ignored."""

from __future__ import annotations

import pytest

from gateway.core.patches import MOST_USERS, PatchError, read_patch


def errors(document: object) -> dict[str, str]:
    with pytest.raises(PatchError) as caught:
        read_patch(document)
    return dict(caught.value.errors)


def test_every_key_is_read() -> None:
    patch = read_patch(
        {
            "enabled": True,
            "users": ["ann", "bob", "ann"],
            "rollout": 12.5,
            "ttl": "5m",
            "mode": "read-only",
            "page": {"message": "Back soon", "retry_after": "10m"},
            "reason": "move",
            "for": "30m",
        }
    )
    assert patch.values == {
        "enabled": True,
        "users": ["ann", "bob"],
        "rollout": 12.5,
        "ttl": 300.0,
        "mode": "read-only",
        "page.message": "Back soon",
        "page.retry_after": 600,
    }
    assert (patch.reason, patch.lasts) == ("move", 1800.0)


def test_dotted_keys_are_the_same_as_nested_ones() -> None:
    assert read_patch({"page.message": "x"}) == read_patch({"page": {"message": "x"}})
    assert errors({"page.message": "x", "page": {"message": "x"}}) == {
        "page.message": "is given twice"
    }


def test_null_is_kept_as_the_way_back() -> None:
    assert read_patch({"enabled": None, "page": None}).values == {
        "enabled": None,
        "page.message": None,
        "page.retry_after": None,
    }


def test_an_empty_patch_is_valid() -> None:
    assert read_patch({}).values == {}


def test_all_errors_come_at_once() -> None:
    found = errors({"enabled": 1, "rollout": True, "users": [1, ""], "ttl": -1, "bogus": 0})
    assert list(found) == ["enabled", "rollout", "users[0]", "users[1]", "ttl", "bogus"]


@pytest.mark.parametrize("document", [None, [], "on", 1, True])
def test_a_patch_is_an_object(document: object) -> None:
    assert errors(document) == {"": "must be a JSON object"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("enabled", "true"),
        ("enabled", 0),
        ("users", "ann"),
        ("users", {"ann": True}),
        ("rollout", 101),
        ("rollout", -0.5),
        ("rollout", "50"),
        ("rollout", float("nan")),
        ("rollout", 10**400),
        ("ttl", True),
        ("ttl", "soon"),
        ("ttl", "-5m"),
        ("ttl", float("inf")),
        ("ttl", 10**400),
        ("ttl", "1000d"),
        ("mode", "off"),
        ("mode", ["unavailable"]),
        ("page", "x"),
        ("page.message", 5),
        ("page.message", "x" * 4001),
        ("page.message", "\ud800"),
        ("page.retry_after", 1.5),
        ("page.retry_after", False),
        ("reason", 5),
        ("for", 0),
        ("for", "x"),
    ],
)
def test_a_wrong_value_is_named_by_its_path(key: str, value: object) -> None:
    assert key in errors({key: value})


def test_too_many_users_are_one_error() -> None:
    assert list(errors({"users": ["u"] * (MOST_USERS + 1)})) == ["users"]


@pytest.mark.parametrize("user", ["", "x" * 513, "a\nb", "a\x00", "\udc80", None, 7])
def test_what_is_no_user_is_named_by_its_place(user: object) -> None:
    assert list(errors({"users": ["ann", user]})) == ["users[1]"]


def test_what_is_wrong_with_a_window_is_named_by_its_path() -> None:
    found = errors({"window": {"start": 1, "bogus": 2}})
    assert "such as 2030" in found["window.start"]
    assert found["window.end"] == "is needed"
    assert "unknown key" in found["window.bogus"]
    assert "must be {start, end}" in errors({"window": "3am"})["window"]


def test_a_window_is_taken_whole_or_is_false_or_null() -> None:
    window = {"cron": "0 3 * * sun", "for": "2h", "timezone": "Europe/Berlin"}
    values = read_patch({"window": window}).values
    assert values == {"window": {**window, "cron": "0 3 * * SUN", "for": 7200.0, "announce": 0.0}}
    assert read_patch({"window": False}).values == {"window": False}
    assert read_patch({"window": None}).values == {"window": None}


def test_keys_of_the_yaml_alone_are_refused_as_such() -> None:
    found = errors({"paths": ["/"], "page": {"title": "x", "bogus": 1}})
    assert "YAML alone" in found["paths"]
    assert "YAML alone" in found["page.title"]
    assert "unknown key" in found["page.bogus"]


def test_for_without_a_key_has_nothing_to_lift() -> None:
    assert list(errors({"for": "5m", "reason": "x"})) == ["for"]
