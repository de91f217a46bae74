"""Every occurrence of a user in any decoding counts; the rollout is sticky."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.flags import IdentitySource
from gateway.core.identity import (
    compile_source,
    exempt_forms,
    rollout_place,
    rollout_threshold,
)

COOKIE = compile_source(IdentitySource("cookie", "uid"))
HEADER = compile_source(IdentitySource("header", "X-User-Id"))


def cookies(*lines: str | bytes) -> frozenset[str]:
    raw = [line if isinstance(line, bytes) else line.encode() for line in lines]
    return COOKIE.read([(b"Cookie", line) for line in raw])


@pytest.mark.parametrize(
    "line",
    [
        "uid=bob",
        "a=1; uid=bob",
        "a=1;uid=bob;b=2",
        "uid = bob ; b=2",
        "a=1;   uid=\tbob",
        'uid="bob"',
        'uid="b\\157b"',
        'uid="b\\ob"',
        'uid="bob',
        "uid=%62ob",
        "uid=%22bob%22",
        "uid=eve; uid=bob",
        "uid=bob; uid=eve",
        "uid=; uid=bob",
        "a=1, uid=bob, b=2",
        "uid=bob, b=2",
        "a=1 uid=bob",
        'uid="bob;x=1"; uid=bob',
        "u%69d=bob",
        "%75id=%62%6fb",
        'uid=",uid=bob',
        "UID=bob",
        "uid=j:%22bob%22",
        'uid=j:["bob"]',
        "uid=s:bob.c2lnbmF0dXJl",
        b"\xa0uid\x85=bob",
        b"uid=bob\xa0",
        b"uid=\x85bob",
        "\u2003uid=\ufeffbob\u2028",
        "uid=bob%C2%A0",
    ],
)
def test_cookie_names_bob(line: str | bytes) -> None:
    assert "bob" in cookies(line)


@pytest.mark.parametrize(
    "line",
    ["", "uid", "uid=", 'uid=""', "uid=  ", "xuid=bob", "uidx=bob", "a=uid=bob", "a=1"],
)
def test_cookie_names_nobody(line: str) -> None:
    assert cookies(line) == frozenset()


def test_all_cookie_lines_are_read_whatever_their_case() -> None:
    fields = [
        (b"cookie", b"a=1"),
        (b"Host", b"uid=no"),
        (b"COOKIE", b"uid=bob"),
        (b"Cookie", b"uid=eve"),
    ]
    assert COOKIE.read(fields) >= {"bob", "eve"}


def test_lines_of_a_field_are_one_value_to_some_servers() -> None:
    assert {"smith", "smith,john", "smith, john"} <= cookies("uid=smith", "john")
    assert {"a,b", "a, b"} <= HEADER.read([(b"X-User-Id", b"a"), (b"x_user_id", b"b")])


def test_cookie_that_only_nginx_sees_is_read_to_the_semicolon() -> None:
    assert "bob b" in cookies("a=1,uid=bob b;c=2")


def test_number_in_a_json_cookie_is_read_as_javascript_writes_it() -> None:
    for value in ("12", "12.0", "1.2e1", "%2212%22"):
        assert "12" in cookies(f"uid=j:{value}"), value
    assert cookies("uid=j:{}") >= {"j:{}", "{}"}
    assert cookies("uid=j:" + "[" * 9000) == {"j:" + "[" * 9000}


def test_name_with_an_underscore_is_found_as_php_finds_it() -> None:
    reader = compile_source(IdentitySource("cookie", "user_id"))
    for name in (b"user_id", b"user.id", b"user id", b"user[id", b"user%2eid", b"USER_ID"):
        assert reader.read([(b"Cookie", name + b"=bob")]) == {"bob"}, name
    assert not reader.read([(b"Cookie", b"user-id=bob")])


def test_raw_blank_that_only_some_take_off_does_not_make_a_user_exempt() -> None:
    assert not cookies(b"uid=ops\xa0") <= exempt_forms(["ops"])


def test_raw_and_encoded_bytes_of_one_value_are_read_each_in_its_own_way() -> None:
    assert "éé" in cookies(b"uid=%C3%A9\xe9")


def test_semicolon_in_a_quoted_cookie_is_read_both_ways() -> None:
    assert {'"bob', "bob;x"} <= cookies('uid="bob;x"; a=1')


def test_encoded_blank_and_plus_are_read_both_ways() -> None:
    assert {"a b", "a+b"} <= cookies("uid=a+b")
    assert {"a b", "a%20b"} <= cookies("uid=a%20b")
    assert "a+b" in cookies("uid=a%2Bb")


def test_utf_8_and_latin_1_are_both_read() -> None:
    for line in (b"uid=jos\xc3\xa9", b"uid=jos\xe9", b"uid=jos%C3%A9", b"uid=jos%E9"):
        assert "josé" in cookies(line), line


def test_plain_user_has_one_reading() -> None:
    assert cookies("a=1; uid=bob@example.com; b=2") == {"bob@example.com"}


@pytest.mark.parametrize("name", [b"X-User-Id", b"x-user-id", b"X_User_Id", b"X-USER_ID"])
def test_header_is_found_by_any_spelling_of_its_name(name: bytes) -> None:
    assert HEADER.read([(name, b" bob ")]) == {"bob"}


def test_all_header_lines_and_list_members_count() -> None:
    fields = [(b"X-User-Id", b"bob"), (b"X-User-Id", b"eve, ann"), (b"X-User", b"no")]
    assert HEADER.read(fields) >= {"bob", "eve", "ann", "eve, ann"}


def test_header_is_decoded_like_a_cookie() -> None:
    assert {"bob", '"bob"'} <= HEADER.read([(b"X-User-Id", b'"bob"')])
    assert {"b b", "b%20b"} <= HEADER.read([(b"X-User-Id", b"b%20b")])
    assert HEADER.read([(b"X-User-Id", b"  ")]) == frozenset()


@given(
    st.text(
        st.characters(
            codec="utf-8", exclude_characters=';,"\\\x00', exclude_categories=("Cc", "Zs")
        ),
        min_size=1,
        max_size=8,
    ),
    st.sets(st.integers(0, 30)),
    st.booleans(),
)
def test_no_spelling_hides_a_user(user: str, chosen: set[int], quoted: bool) -> None:  # noqa: FBT001 drawn
    raw = user.strip().encode()
    value = b"".join(
        b"%%%02x" % byte if i in chosen or byte in b"%+ " else bytes((byte,))
        for i, byte in enumerate(raw)
    )
    line = b'a="x; y"; uid=' + (b'"' + value + b'"' if quoted else value) + b"; uid=eve"
    assert not raw or user.strip() in COOKIE.read([(b"Cookie", line)])


@given(st.binary(max_size=40))
def test_any_bytes_can_be_read(value: bytes) -> None:
    assert "" not in COOKIE.read([(b"Cookie", b"uid=" + value), (b"Cookie", value)])
    assert "" not in HEADER.read([(b"X-User-Id", value)])


@pytest.mark.parametrize(
    "piece", [b"uid=a;", b'uid="', b"uid=%41,", b" ", b"uid = ", b'uid="\\', b"%75id=b;"]
)
def test_cookie_line_of_any_kind_is_read_in_bounded_time(piece: bytes) -> None:
    started = time.process_time()
    COOKIE.read([(b"Cookie", piece * (32_000 // len(piece)))])
    assert time.process_time() - started < 0.5


def test_exempt_user_is_so_in_every_encoding_of_the_name() -> None:
    forms = exempt_forms(["ann@example.com", "josé", "a b"])
    for line in (
        b"uid=ann@example.com",
        b"uid=ann%40example.com",
        b"uid=jos%C3%A9",
        b"uid=a%20b",
        b'uid="a b"',
    ):
        assert cookies(line) <= forms, line
    assert not cookies("uid=ann@example.com; uid=eve") <= forms


def test_rollout_is_the_same_for_ever() -> None:
    # Pinned: a change of the hash would move users between held and not held.
    assert rollout_place("search", "bob") == 2429338013855827116
    assert rollout_place("search", "bob") != rollout_place("other", "bob")


def test_rollout_of_nothing_holds_nobody_and_of_all_everybody() -> None:
    assert rollout_threshold(0) == 0
    assert rollout_threshold(100) == 2**64
    assert rollout_threshold(0.01) > 0


@given(st.floats(0, 100), st.floats(0, 100))
def test_greater_rollout_only_adds_users(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert rollout_threshold(low) <= rollout_threshold(high)


def test_rollout_holds_about_its_share() -> None:
    threshold = rollout_threshold(25)
    held = sum(rollout_place("search", f"user{i}") < threshold for i in range(4000))
    assert 900 < held < 1100
