"""Nobody slips out of a scope or into an exemption, judged by an oracle of its own.

The heads are read as the data plane reads them, so that what is refused there counts as held.
What real servers make of the same is in ``tests/e2e/test_scope_servers.py``.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.readings import read_targets
from tests.scope.judge import ALL_BUT_HELP, HOST, SEARCH, all_but_ops, judge, listed
from tests.support.scope_oracle import cookies, is_at, is_just_at, paths

BOUNDED = settings(max_examples=100, deadline=None, derandomize=True, database=None)
BOB, OPS = listed("cookie", "uid"), all_but_ops("cookie", "uid")

PIECES = st.sampled_from(
    (
        b"/ / // search search help help SEARCH .. . %2e %2E%2e %252e %2f %252F %5c \\ ; ;x=1 "
        b"%3b %3f ? %23 %00 %0a %20 x %73earch %2573earch he%6cp s%65arch % .json ing %2 "
        b"q=/search = : @"
    ).split()
)
STARTS = st.sampled_from([b"/", b"/", b"/", b"//", b"http://a.test/", b"HTTPS://a.test"])
TARGETS = st.builds(
    lambda start, pieces: start + b"".join(pieces), STARTS, st.lists(PIECES, max_size=7)
)


@BOUNDED
@given(TARGETS)
def test_a_target_that_any_app_may_take_for_search_is_held(target: bytes) -> None:
    if any(is_at(path, b"search") for path in paths(target)):
        assert judge(SEARCH, target).word != "forwarded"


@BOUNDED
@given(TARGETS)
def test_no_other_target_is_held(target: bytes) -> None:
    """Degrade only as much as needed."""
    if judge(SEARCH, target).word == "held" and not read_targets(target).endless:
        assert any(is_at(path, b"search") for path in paths(target))


@BOUNDED
@given(TARGETS)
def test_a_target_is_exempt_only_if_every_app_takes_it_for_help(target: bytes) -> None:
    verdict = judge(ALL_BUT_HELP, target)
    if verdict.word == "exempt":
        sent = verdict.sent.split(b" ")[1]
        assert all(is_just_at(path, b"help") for path in paths(sent))


@pytest.mark.parametrize(
    "target",
    [b"/searching", b"/search.do", b"/x/search", b"/?q=/search", b"/se%C3%A1rch", b"/search-x",
     b"/sear", b"/x?/../search", b"http://search/", b"http://a.test?/search"],
)  # fmt: skip
def test_a_neighbour_of_a_scope_is_let_through(target: bytes) -> None:
    assert judge(SEARCH, target).word == "forwarded"


VALUES = st.sampled_from(
    [
        b"bob",
        b"eve",
        b"ops",
        b'"bob"',
        b"%62ob",
        b"%22bob%22",
        b"b%6Fb",
        b'"ops"',
        b"%6fps",
        b"",
        b'"',
    ]
)
NAMES = st.sampled_from([b"uid", b"uid", b"UID", b"u%69d", b"xuid", b"a", b" uid ", b"\tuid"])
JOINTS = st.sampled_from([b"; ", b";", b",", b", ", b" ; ", b";;"])


@st.composite
def cookie_lines(draw: st.DrawFn) -> list[bytes]:
    lines = []
    for _ in range(draw(st.integers(1, 3))):
        joint = draw(JOINTS)
        pairs = draw(st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=3))
        lines.append(joint.join(name + b"=" + value for name, value in pairs))
    return lines


@BOUNDED
@given(cookie_lines())
def test_a_request_that_any_app_may_take_for_bobs_is_held(lines: list[bytes]) -> None:
    if b"bob" in cookies(lines, b"uid"):
        assert judge(BOB, b"/", *(b"Cookie: " + line for line in lines)).word == "held"


@BOUNDED
@given(cookie_lines())
def test_a_request_is_exempt_only_if_every_app_takes_it_for_ops(lines: list[bytes]) -> None:
    if judge(OPS, b"/", *(b"Cookie: " + line for line in lines)).word == "exempt":
        assert cookies(lines, b"uid") <= {b"ops", b'"ops"', b"%6fps", b'"', b""}


FIELDS = st.sampled_from(
    [b"X-Forwarded-Host", b"x_forwarded_host", b"X-Original-Host", b"Forwarded"]
)
OTHERS = st.sampled_from([b"a.test", b"b.test:80", b"[::1]"])
SPELLINGS = st.sampled_from(
    [
        b"shop.example",
        b"SHOP.example",
        b"shop.example.",
        b"shop.example:80",
        b"Shop.Example.:8080",
        b"shop.example:",
    ]
)


@BOUNDED
@given(SPELLINGS, OTHERS, FIELDS, st.integers(0, 3))
def test_a_host_is_held_wherever_a_request_names_it(
    shop: bytes, other: bytes, name: bytes, place: int
) -> None:
    value = b'for=192.0.2.1;host="' + shop + b'"' if name == b"Forwarded" else shop
    verdict = (
        judge(HOST, b"/x", host=shop),
        judge(HOST, b"http://" + shop + b"/x", host=other),
        judge(HOST, b"/x", name + b": " + value, host=other),
        judge(HOST, b"/x", name + b": " + other + b", " + value, host=other),
    )[place]

    assert verdict.word == "held"
    assert judge(HOST, b"/x", host=other).word == "forwarded"
