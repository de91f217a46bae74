"""Patterns: what they mean, and which cannot stand."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.evidence import Evidence
from gateway.core.paths import PatternError, compile_host, compile_path
from tests.support.flags import ask, patterns


def exempt(pattern: str, path: str) -> bool:
    return Evidence(ask(path)).asks_only_for(patterns(pattern))


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("/search", "/search /search/ /search/a /search/a/b /search.json"),
        ("/search/", "/search /search/ /search/a"),
        ("/", "/ /a /a/b"),
        ("/**", "/ /a /a/b"),
        ("/api/**", "/api /api/ /api/v1/x"),
        ("/api/*/search", "/api/v1/search /api/v1/search/x"),
        ("/api/*/search/**", "/api/v1/search /api/v1/search/x/y"),
        ("/api/**/search", "/api/search /api/a/search /api/a/b/search/c"),
        ("/**/a/**/b", "/a/b /x/a/y/b /a/a/b/b/c"),
        ("/v*/x", "/v/x /v1/x /v1.2/x"),
        ("/*-admin", "/-admin /super-admin /super-admin/x"),
        ("/a*b*c/d", "/abc/d /axbxc/d /abbcc/d/e"),
        ("= /x", "/x /x/ /x.json"),
        ("=/x", "/x"),
        ("= /", "/"),
        ("= /a/**/x", "/a/x /a/b/x /a/x/b/x"),
        (r"~ ^/s/\d+$", "/s/1 /s/23"),
        ("~ search", "/x/search/y"),
        ("/what?", "/what? /what?/x"),
        ("/[a]", "/[a] /[a]/b"),
        ("/café", "/café /café/x /caf%c3%a9"),
        ("/caf%C3%A9", "/café"),
        ("/Search", "/search"),
    ],
)
def test_pattern_holds(pattern: str, paths: str) -> None:
    compiled = compile_path(pattern)
    for path in paths.split():
        assert compiled.holds(path), path


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("/search", "/ /searching /search.do /x/search /sear /searchx/a /search.json/x"),
        ("/api/**", "/apis /ap /x/api"),
        ("/api/*/search", "/api/search /api/a/b/search /api//search"),
        ("/api/**/search", "/api/searching /api/a/searches"),
        ("/**/a/**/b", "/a /b/a /a/bb"),
        ("/a*b*c/d", "/abc /ab/c/d /acb/d"),
        ("= /x", "/x/y /xy /"),
        ("= /", "/a"),
        ("= /a/**/x", "/a/x/b /a"),
        (r"~ ^/s/\d+$", "/s/a /s/1/x"),
        ("/what?", "/what /wha /whatx"),
        ("/[a]", "/a"),
        ("/a.b", "/axb"),
    ],
)
def test_pattern_leaves_alone(pattern: str, paths: str) -> None:
    compiled = compile_path(pattern)
    for path in paths.split():
        assert not compiled.holds(path), path


def test_exemption_is_taken_as_written() -> None:
    assert exempt("= /x", "/x")
    assert not exempt("= /x", "/x/")
    assert not exempt("= /x", "/x.json")
    assert not exempt("/x", "/x.json")
    assert exempt("/x/", "/x/y")
    assert not exempt("/x/", "/x")


def test_exemption_is_of_the_case_that_it_is_written_in() -> None:
    """To most apps ``/Help`` is another page than ``/help``."""
    assert exempt("/Help", "/Help/a")
    assert not exempt("/Help", "/help/a")
    assert not exempt("~ ^/help", "/Help")
    assert exempt("~ (?i)^/help", "/Help")


def test_case_counts_for_a_hold_only_when_asked_for() -> None:
    assert compile_path("/Search").holds("/search/a")
    sensitive = compile_path("/Search", case_sensitive=True)
    assert sensitive.holds("/Search/a")
    assert not sensitive.holds("/search/a")
    assert compile_path("~ ^/Search").holds("/search")
    assert not compile_path("~ ^/Search", case_sensitive=True).holds("/search")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("", 'must start with "/"'),
        ("search", 'must start with "/"'),
        ("*/x", 'must start with "/"'),
        ("https://example.com/x", 'must start with "/"'),
        ("= search", 'must start with "/"'),
        ("//example.com/x", "must not name a host"),
        ("/search?q=1", "must not have a query"),
        ("/search?a&b", "must not have a query"),
        ("/a/../b", "must not have dot segments"),
        ("/a/.", "must not have dot segments"),
        ("/a/%2e%2E/b", "must not have dot segments"),
        ("/a\n", None),
        ("/a\nb", "must not hold control characters"),
        ("~", "a regular expression must follow"),
        ("~ (", "is not a regular expression"),
        ("~ a{99999999999999}", "is not a regular expression"),
    ],
)
def test_pattern_that_cannot_stand_says_why(pattern: str, message: str | None) -> None:
    if message is None:  # blanks around a pattern say nothing
        compile_path(pattern)
        return
    with pytest.raises(PatternError, match=re.escape(message)):
        compile_path(pattern)


def test_patterns_written_the_same_are_equal() -> None:
    assert compile_path("/a") == compile_path("/a")
    assert len({compile_path("/a"), compile_path("/a"), compile_path("= /a")}) == 2
    assert str(compile_path("= /a")) == "= /a"


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        ("/A/b", "/a/b"),
        ("/a/*/b", "/a"),
        ("/*", ""),
        ("/a/**", "/a"),
        ("~ ^/a", None),
        ("/é/a", ""),
    ],
)
def test_prefix_is_the_literal_beginning(pattern: str, prefix: str | None) -> None:
    assert compile_path(pattern).prefix == prefix


@pytest.mark.parametrize(
    "pattern",
    ["/**/b/**/b/**/b/**/c", "/*b*b*b*b*c", "= /**/b/**/c", "/**/*b*b*c", "= /**/b/b/b/c"],
)
def test_no_path_makes_a_glob_slow(pattern: str) -> None:
    compiled = compile_path(pattern)
    started = time.process_time()
    for path in ("/b" * 4000, "/" + "b" * 8000, "/" * 8000, "/a" * 4000):
        assert not compiled.holds(path)
    assert time.process_time() - started < 1.0


SEGMENTS = st.lists(st.sampled_from(["a", "b", "ab", "ba", "aab", "abab"]), max_size=5)
GLOBS = st.lists(
    st.sampled_from(["a", "b", "ab", "*", "**", "a*", "*b", "a*b", "*a*b*"]), min_size=1, max_size=4
)


def naive(globs: list[str], segments: list[str], *, exact: bool) -> bool:
    """The meaning of a glob, spelled out: try everything."""
    if not globs:
        return not (exact and segments)
    first, *rest = globs
    if first == "**":
        return any(naive(rest, segments[i:], exact=exact) for i in range(len(segments) + 1))
    if not segments:
        return False
    one = re.fullmatch("[^/]+" if first == "*" else first.replace("*", "[^/]*"), segments[0])
    return one is not None and naive(rest, segments[1:], exact=exact)


@given(globs=GLOBS, segments=SEGMENTS, exact=st.booleans())
def test_glob_means_what_its_segments_say(
    globs: list[str], segments: list[str], *, exact: bool
) -> None:
    path = "/" + "/".join(segments)
    pattern = compile_path(("= /" if exact else "/") + "/".join(globs))
    expected = naive(globs, segments, exact=exact)
    assert pattern.holds(path) == expected
    assert Evidence(ask(path)).asks_only_for((pattern,)) == expected


@pytest.mark.filterwarnings("ignore:Possible:FutureWarning")  # of the re module
@given(st.text("abcé/.*?[]-%;\\~= ", max_size=12))
def test_any_text_is_a_pattern_or_a_pattern_error(text: str) -> None:
    for written in (text, "/" + text, "= /" + text):
        try:
            pattern = compile_path(written)
        except PatternError:
            continue
        assert pattern.text == written
        pattern.holds("/abc")


@pytest.mark.parametrize(
    ("pattern", "hosts", "others"),
    [
        ("example.com", "example.com", "www.example.com example.org"),
        ("Example.COM.", "example.com", ""),
        ("*.example.com", "a.example.com a.b.example.com", "example.com aexample.com"),
        ("*", "a a.b", ""),
        ("api-*.example.com", "api-1.example.com", "api-1.x.example.com api.example.com"),
        ("*.eu-*.example.com", "a.b.eu-1.example.com", "eu-1.example.com"),
        ("[::1]", "[::1]", "[::2]"),
        ("münchen.de", "xn--mnchen-3ya.de", ""),
    ],
)
def test_host_pattern(pattern: str, hosts: str, others: str) -> None:
    compiled = compile_host(pattern)
    assert all(map(compiled.matches, hosts.split()))
    assert not any(map(compiled.matches, others.split()))
    assert str(compiled) == pattern


@pytest.mark.parametrize(
    "pattern",
    ["", ".", "http://example.com", "example.com:80", "example.com/x", "a b", "u@h", "a..b"],
)
def test_host_that_cannot_stand(pattern: str) -> None:
    with pytest.raises(PatternError, match="is not a host name"):
        compile_host(pattern)
