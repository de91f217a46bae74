"""Credentials are taken out by any name that an app may read; nothing else is touched."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.flags import IdentitySource, Strip
from gateway.core.identity import compile_source
from gateway.proxy.wire.credentials import Credentials
from gateway.proxy.wire.fields import pairs

NAMED = Credentials.named([Strip(("sessionid",), ("Authorization",)), Strip((), ("X-Api-Key",))])


def left(*lines: bytes) -> list[bytes]:
    """The lines that are left between others."""
    head = b"\r\n".join((b"Host: a.test", *lines, b"Accept: */*", b"", b""))
    taken = NAMED.taken_out(head).split(b"\r\n")
    assert (taken[0], taken[-3:]) == (b"Host: a.test", [b"Accept: */*", b"", b""])
    return taken[1:-3]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"a=1; sessionid=x; b=2", b"a=1; b=2"),
        (b"sessionid=x; b=2", b"b=2"),
        (b"b=2;sessionid=x", b"b=2"),
        (b"b=2; sessionid=x;", b"b=2;"),
        (b"sessionid=1; a=1; sessionid=2", b"a=1"),
        (b"sessionid\t= x ;a", b"a"),
        (b'"sessionid"=x; a=b', b"a=b"),
        (b"%73essionid=x; a=b", b"a=b"),
        (b"sessionid; a=b", b"a=b"),
        (b"SessionId=x; a=b", b"a=b"),
        (b"a=b; \xa0sessionid\x85=x", b"a=b"),
        (b"a=1, sessionid=x; b=2", b"a=1,; b=2"),
        (b"a=1 sessionid=x b=2", b"a=1  b=2"),
        (b'a="1; sessionid=x"; b=2', b'a="1; b=2'),
        (b'a=1 ses,sessionid="x"sionid=y', b"a=1 ses,sionid=y"),
    ],
)
def test_cookie_is_taken_out_of_its_line(value: bytes, expected: bytes) -> None:
    assert left(b"Cookie: " + value) == [b"Cookie: " + expected]


@pytest.mark.parametrize(
    "value",
    [
        b"sessionid2=x; xsessionid=y; session-id=z; __Host-sessionid=w",
        b"a=sessionid=3; b=c, csessionid=3",
        b'a="quoted, with blanks"; b=a%3Bb; =; ;; c',
        b"  odd ;spacing  =kept\t; d=",
    ],
)
def test_other_cookies_keep_every_byte(value: bytes) -> None:
    assert left(b"Cookie:" + value) == [b"Cookie:" + value]


@pytest.mark.parametrize("value", [b"sessionid=x", b" sessionid=x; sessionid=y;", b";;sessionid"])
def test_line_with_nothing_left_goes(value: bytes) -> None:
    assert left(b"Cookie:" + value, b"cookie: a=b") == [b"cookie: a=b"]


def test_header_is_taken_out_in_every_spelling() -> None:
    taken = (b"authorization: Basic eA==", b"AUTHORIZATION:x", b"X_API_KEY: 1", b"X-Api-Key: 2")
    kept = (b"X-Authorization: 1", b"Authorization2: 2", b"X-Api-Keys: 3")

    assert left(*taken, *kept) == list(kept)


PIECES = [b"sessionid", b"=", b";", b" ", b",", b'"', b"a", b"%73", b"\\", b"\t", b"ses",
          b"sionid", b"SESSIONID", b"\xa0"]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=12).map(b"".join), max_size=3))
def test_no_reading_of_what_is_left_has_the_cookie(values: list[bytes]) -> None:
    lines = [b"Cookie: " + value for value in values]
    head = b"\r\n".join((b"Host: a", *lines, b"", b""))
    reader = compile_source(IdentitySource("cookie", "sessionid"))

    assert reader.read(pairs(NAMED.taken_out(head))) == frozenset()
