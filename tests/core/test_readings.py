"""No spelling of a path escapes its flag, and none opens an exemption."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.evidence import Evidence
from gateway.core.paths import PathPattern, compile_path
from gateway.core.readings import Readings, read_targets
from gateway.core.request import Facts

SEARCH = compile_path("/search")


def holds(pattern: PathPattern, readings: Readings) -> bool:
    texts = readings.folded if pattern.folds else readings.exact
    return readings.endless or any(map(pattern.holds, texts))


def exempts(pattern: PathPattern, target: bytes) -> bool:
    return Evidence(Facts(target=target)).asks_only_for((pattern,))


@pytest.mark.parametrize(
    "target",
    [
        b"/search",
        b"/search?q=1",
        b"/search/",
        b"/search/a/b",
        b"/SEARCH",
        b"//search",
        b"///search//",
        b"/%2fsearch",
        b"/search%0a",
        b"/search%20",
        b"/search.",
        b"/search%00.html",
        b"/%73earch",
        b"/%2573earch",
        b"/%25%37%33earch",
        b"/search%2fa",
        b"/search%3fx",
        b"/search%23x",
        b"/search#x",
        b"/search;x=1",
        b"/search;x=1/a",
        b"/;x/search",
        b"/a/..;/search",
        b"/a/..;x=/search",
        b"/a\\..\\search",
        b"\\search",
        b"/a%5c..%5csearch",
        b"/search/../other",
        b"/other/../search",
        b"/other/%2e%2e/search",
        b"/other/%252e%252e/search",
        b"/other//../../search",
        b"/a%2fb/%2e%2e/search/../../search",
        b"/./search",
        b"/search/./",
        b"/%c0%afsearch",
        b"/%e0%80%afsearch",
        b"/%f0%80%80%afsearch",
        b"/x/%c0%ae%c0%ae/search",
        b"/%u0073earch",
        b"/x/%u002e%u002e/search",
        b"/search.json",
        b"/search/%ff",
        b"http://example.com/search",
        b"HTTP://example.com/search?x",
        b"http://example.com//search",
        b"http://u:p@example.com:80/%73earch",
        b"http://example.com\\search",
        b"//example.com/search",
        b"search",
    ],
)
def test_spelling_of_search_is_in_scope(target: bytes) -> None:
    assert holds(SEARCH, read_targets(target))


@pytest.mark.parametrize(
    "target",
    [
        b"/",
        b"",
        b"*",
        b"/searching",
        b"/search.do",
        b"/x/search",
        b"/?q=/search",
        b"/?q=/../search",
        b"/x?/../search",
        b"/se%C3%A1rch",
        b"/se\xc3\xa1rch",
        b"/sea/rch",
        b"/research",
        b"/%zzsearch",
        b"/search%zz",
        b"http://example.com/",
        b"http://example.com?/search",
        b"http://search/",
        b"/x/%2e/search",
    ],
)
def test_other_path_is_not_in_scope(target: bytes) -> None:
    assert not holds(SEARCH, read_targets(target))


def test_plain_target_has_one_reading() -> None:
    assert read_targets(b"/A/b-c_d.e~f?x=%2f..//") == Readings(
        ("/A/b-c_d.e~f",), ("/a/b-c_d.e~f",), endless=False
    )


def test_other_target_that_says_the_same_adds_nothing() -> None:
    assert len(read_targets(b"/a?x", [b"/a"]).exact) == 1
    assert set(read_targets(b"/a", [b"/b"]).exact) == {"/a", "/b"}


def test_asterisk_is_the_whole_site_and_no_path_in_it() -> None:
    assert holds(compile_path("/"), read_targets(b"*"))


def test_latin_1_and_utf_8_are_both_read() -> None:
    pattern = compile_path("/café")
    for target in (
        b"/caf\xe9",
        b"/caf\xc3\xa9",
        b"/caf%E9",
        b"/CAF%C3%89",
        b"/caf%C3%A9/%ff",
        b"/caf\xc3%A9",
        b"/caf%c3\xa9",
    ):
        assert holds(pattern, read_targets(target)), target


def test_exemption_of_a_path_that_clients_encode_applies() -> None:
    assert exempts(compile_path("/café"), b"/caf%C3%A9")
    assert exempts(compile_path("/my file"), b"/my%20file/x")


@pytest.mark.parametrize(
    "target",
    [
        b"/help/../search",
        b"/help/%2e%2e/search",
        b"/help/..%2fsearch",
        b"/help/..;/search",
        b"/help\\..\\search",
        b"/search/../help",
        b"/search/%2e%2e/help",
        b"//help/search",
        b"//search/help",
        b"/help%2f..%2f..%2fsearch",
        b"/help;/../search",
        b"/%68elp",
        b"/help/%c0%ae%c0%ae/search",
        b"/x;/help",
        b"/HELP",
    ],
)
def test_no_spelling_opens_an_exemption(target: bytes) -> None:
    assert not exempts(compile_path("/help"), target)


@pytest.mark.parametrize("target", [b"/help", b"/help/", b"/help/a", b"http://h/help?x=/../"])
def test_plain_spelling_is_exempt(target: bytes) -> None:
    assert exempts(compile_path("/help"), target)


@pytest.mark.parametrize(
    "piece",
    [
        b"../%2e%2f;",
        b"%2e",
        b"%25",
        b"..;/%252e//\\",
        b"/..",
        b"/",
        b";",
        b"%20",
        b"%c0%ae",
        b"%u002e;/",
        b"a;b//c\\d/../%2e%3f%253b",
        b".",
        b"./",
        b"\xff",
        b"%ff%2f..",
        b"\\",
        b"?",
        b"#/",
        b"%00/",
    ],
)
@pytest.mark.parametrize("length", [200, 8_000, 32_000])
def test_work_is_bounded_whatever_is_sent(piece: bytes, length: int) -> None:
    target = b"/" + piece * (length // len(piece))
    started = time.process_time()
    readings = read_targets(target)
    assert time.process_time() - started < 0.5
    assert sum(map(len, readings.exact)) <= 32_768 + len(target)


def test_target_with_endless_readings_is_in_every_scope_and_in_no_exemption() -> None:
    target = b"/x" + b"/a;b//c\\d/../%2e%3f%253b" * 400
    readings = read_targets(target)
    assert readings.endless
    assert holds(SEARCH, readings)
    assert not exempts(compile_path("/"), target)


def test_long_plain_and_long_encoded_targets_are_not_endless() -> None:
    assert not read_targets(b"/" + b"a" * 60_000).endless
    assert not read_targets(b"/" + b"%D0%BF" * 2_000).endless


# Each step rewrites a path so that some app still takes it for the same.
def slash_of(path: str, at: int) -> int:
    """Where one of the slashes is; the first character may no longer be one."""
    places = [i for i, character in enumerate(path) if character == "/"] or [0]
    return places[at % len(places)]


def doubled(path: str, at: int) -> str:
    place = slash_of(path, at)
    return path[:place] + "/" + path[place:]


def dotted(path: str, at: int) -> str:
    place = slash_of(path, at)
    return path[:place] + ("/.", "/x/..", "/x/y/../..")[at % 3] + path[place:]


def with_parameters(path: str, at: int) -> str:
    ends = [i for i in range(1, len(path) + 1) if i == len(path) or path[i] == "/"]
    end = ends[at % len(ends)]
    return path[:end] + (";", ";x=1", ";a;b")[at % 3] + path[end:]


def backslashed(path: str, at: int) -> str:
    place = slash_of(path, at)
    return path[:place] + "\\" + path[place + 1 :]


def with_other_case(path: str, at: int) -> str:
    place = at % len(path)
    return path[:place] + path[place].swapcase() + path[place + 1 :]


def with_tail(path: str, at: int) -> str:
    return path + ("/", "\n", " ", "/.", "\0x", "?x", "#x", "/x/..")[at % 8]


STEPS = st.sampled_from([doubled, dotted, with_parameters, backslashed, with_other_case])
EDITS = st.lists(st.tuples(STEPS, st.integers(0, 20)), max_size=4)


def encoded(path: str, chosen: list[int], *, every: bool) -> str:
    """Percent-encode the characters at ``chosen``; ``every`` one that no target can hold."""
    places = {number % len(path) for number in chosen} - {0}
    unsafe = set("?#\n \0") if every else set()
    return "".join(
        f"%{ord(character):02{'xX'[i % 2]}}" if i in places or character in unsafe else character
        for i, character in enumerate(path)
    )


@st.composite
def spellings(draw: st.DrawFn, path: str) -> bytes:
    for step, at in draw(EDITS):
        path = step(path, at)
    if draw(st.booleans()):
        path = with_tail(path, draw(st.integers(0, 7)))
    chosen = st.lists(st.integers(0, 60), max_size=12)
    path = encoded(path, draw(chosen), every=True)
    path = encoded(path, draw(chosen), every=False) if draw(st.booleans()) else path
    prefix = draw(st.sampled_from(["", "", "http://example.com", "HTTPS://a:1"]))
    return (prefix + path + draw(st.sampled_from(["", "?x=1"]))).encode()


@settings(max_examples=300)
@given(spellings("/search/deep"))
def test_no_spelling_of_a_path_escapes_its_flag(target: bytes) -> None:
    readings = read_targets(target)
    assert holds(SEARCH, readings)
    assert holds(compile_path("/search/deep"), readings)
    assert holds(compile_path("/*/deep/**"), readings)


@settings(max_examples=300)
@given(spellings("/search/help/../deep"), spellings("/search/deep"))
def test_no_spelling_of_a_path_is_taken_for_an_exempt_one(around: bytes, target: bytes) -> None:
    for pattern in ("/search/help", "/help", "/x", "= /search/help"):
        assert not exempts(compile_path(pattern), target)
        assert not exempts(compile_path(pattern), around)


@given(st.binary(max_size=60))
def test_any_bytes_have_readings_that_begin_with_a_slash(target: bytes) -> None:
    readings = read_targets(target)
    assert readings.exact
    assert all(text.startswith("/") for text in readings.exact)
    assert len(readings.exact) == len(readings.folded)
