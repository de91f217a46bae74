"""One line of a chat a message, and nothing in it that rings or leads anywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core.chat import chat_line, safe
from gateway.core.events import Event, Type
from tests.support.flags import flag, user_flag

AT = 1_900_000_000.0  # 2030-03-17 17:46:40 UTC
SEARCH = flag("search", "/search")
ON = Event(
    Type.FLAG_ON, "e", AT, "alice", "new index", 7, "search", SEARCH, "unavailable", AT + 3600
)
GUARD = {"id": "g", "user": None, "host": "web1", "command": "./reindex.sh"}


def told(kind: Type, **details: object) -> str:
    return chat_line(replace(ON, type=kind, until=None, details=details), None)


def test_a_flip_is_told_as_a_colleague_would() -> None:
    assert chat_line(ON, None) == (
        ":construction: *search* is on since 17:46 UTC (alice: new index) — every request to "
        "/search, until 18:46 UTC"
    )
    assert told(Type.FLAG_OFF) == (
        ":white_check_mark: *search* is off since 17:46 UTC (alice: new index)"
    )


def test_a_flag_of_the_whole_site_and_one_of_users_say_so() -> None:
    site = replace(ON, flag="site", about=flag("site"), mode="read-only", until=None)
    assert chat_line(site, "staging").endswith(" — every write to the whole site")
    assert chat_line(site, "staging").startswith(":construction: [staging] *site* is on")
    user = chat_line(replace(ON, flag="reindex", about=user_flag("reindex")), None)
    assert "*reindex* is armed since" in user
    assert "every request of the users it names" in user


def test_users_are_named_as_far_as_one_reads_and_counted() -> None:
    names = [f"u{number}" for number in range(100)]
    users = {"added": names, "removed": ["ann"], "added_count": 10_000, "removed_count": 1}
    assert told(Type.FLAG_USERS, users=users) == (
        ":bust_in_silhouette: *search*: u0, u1, u2, u3, u4 and 9995 more held, ann let go "
        "(alice: new index)"
    )


def test_a_change_names_the_keys() -> None:
    assert told(Type.FLAG_CHANGED, changes={"mode": "hold", "page.message": None}) == (
        ":pencil2: *search* was changed at 17:46 UTC (alice: new index): mode hold, "
        "page.message none"
    )


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        (Type.GUARD_STARTED, {}, "alice runs `./reindex.sh` on web1 behind *search* since 17:46"),
        (Type.GUARD_FINISHED, {"done": 5, "of": 5, "took": 130.2}, "is done (5 of 5)"),
        (Type.GUARD_FINISHED, {"took": 130.2}, "*search* is let go, after 2 min"),
        (Type.GUARD_FAILED, {"left_on": True, "message": "why"}, "and *search* STAYS ON: why"),
        (Type.GUARD_FAILED, {"user": "bob"}, "behind *search* for bob failed"),
        (Type.GUARD_ABANDONED, {}, "Nothing is heard any more of `./reindex.sh` of alice"),
        (Type.GUARD_RELEASED, {}, "The guard of *search* by alice has ended"),
    ],
)
def test_a_guard_is_told_by_its_command(kind: Type, more: dict[str, object], expected: str) -> None:
    assert expected in told(kind, guard={**GUARD, **more})


@pytest.mark.parametrize(
    ("holds", "expected"), [(True, "*search* is off"), (False, "*search* stays on")]
)
def test_the_end_of_a_window_says_whether_the_flag_is_off(holds: bool, expected: str) -> None:  # noqa: FBT001 the parameter
    line = told(Type.WINDOW_ENDED, holds=holds)
    assert line == f":white_check_mark: The window of *search* has ended at 17:46 UTC: {expected}"


@pytest.mark.parametrize("kind", list(Type))
def test_every_type_is_a_line_even_of_a_flag_that_is_no_more(kind: Type) -> None:
    line = chat_line(replace(ON, type=kind, about=None, mode=None, details={}), None)
    assert line.startswith(":")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<!channel>", "&lt;!channel&gt;"),
        ("<https://evil.example|click> & more", "&lt;https://evil.example|click&gt; &amp; more"),
        ("&lt;!here&gt;", "&amp;lt;!here&amp;gt;"),
        ("two\nlines\r\n\tof it", "two lines of it"),
        ("@channel and a@b.example", "@\u200bchannel and a@b.example"),
        ("\u202egnp\u0000", "�gnp�"),
        ("x" * 1000, "x" * 299 + "…"),
    ],
)
def test_what_others_wrote_is_text_alone(text: str, expected: str) -> None:
    assert safe(text) == expected


@pytest.mark.parametrize("kind", list(Type))
def test_nobody_is_called_by_what_somebody_else_wrote(kind: Type) -> None:
    evil = "<!channel> @here `<@U123>\n"
    users = {"added": [evil], "removed": [evil], "added_count": 1, "removed_count": 1}
    guard = {"user": evil, "host": evil, "command": evil, "message": evil, "left_on": True}
    details = {"users": users, "guard": guard, "changes": {evil: evil}, "since": evil}
    event = replace(ON, type=kind, by=evil, reason=evil, flag=evil, mode=evil, details=details)
    line = chat_line(event, evil)
    assert "<" not in line
    assert "\n" not in line
    assert "@here" not in line
