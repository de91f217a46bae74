from __future__ import annotations

import re
import string
from dataclasses import fields
from typing import Any

import pytest

from gateway.pages.languages import ENGLISH, LANGUAGES, choose
from gateway.pages.words import Words
from gateway.proxy.wire.errors import AppError, AppTimeoutError, LeaseOutError

ALL = pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.tag)


@pytest.mark.parametrize(
    ("accepted", "tag"),
    [
        (None, "en"),
        (b"", "en"),
        (b"de", "de"),
        (b"DE-at", "de"),
        (b"de-DE-1996", "de"),
        (b"fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "fr"),
        (b"pl, cs;q=0.9, de;q=0.3", "de"),
        (b"en;q=0.5, ja;q=0.6", "ja"),
        (b"es, ja", "es"),
        (b"pt-BR", "pt"),
        (b"zh", "zh-Hans"),
        (b"zh-CN", "zh-Hans"),
        (b"zh-TW", "zh-Hant"),
        (b"zh-HK, zh;q=0.9", "zh-Hant"),
        (b"zh-Hant-TW", "zh-Hant"),
        (b"zh-Hans-HK", "zh-Hans"),
        (b"ar-EG", "ar"),
        (b"de;q=0, fr;q=0.1", "fr"),
        (b"de;q=0", "en"),
        (b"*", "en"),
        (b"tlh", "en"),
    ],
)
def test_each_gets_the_language_they_read_best(accepted: bytes | None, tag: str) -> None:
    assert choose(accepted).tag == tag


@pytest.mark.parametrize(
    "accepted",
    [
        b"\xff\xfe",
        b"-",
        b"-de",
        b"de;q=2",
        b"de;q=",
        b"d" * 100_000,
        b"a-" * 50_000,
        b"," * 100_000,
    ],
)
def test_what_cannot_be_read_gets_english(accepted: bytes) -> None:
    assert choose(accepted) is ENGLISH


def test_one_malformed_range_does_not_spoil_the_others() -> None:
    assert choose(b"fr;q=oops, ,de").tag == "de"


@ALL
def test_a_language_says_all_that_english_says_and_leaves_the_same_room(words: Words) -> None:
    for (name, english), (_, said) in zip(_sentences(ENGLISH), _sentences(words), strict=True):
        assert said.strip()
        assert _blanks(said) == _blanks(english), name


@ALL
def test_every_span_can_be_told(words: Words) -> None:
    assert words.spans.about(0) == words.spans.soon
    for seconds in [60, 61, *range(90, 200_000, 600), 10**7]:
        said = words.spans.about(seconds)
        assert "{" not in said
        assert said != words.spans.soon


def test_arabic_counts_as_arabic_does() -> None:
    arabic = choose(b"ar")
    said = [arabic.spans.about(60 * count) for count in (1, 2, 3, 11)]
    assert said == [
        "خلال دقيقة تقريبًا",
        "خلال دقيقتين تقريبًا",
        "خلال 3 دقائق تقريبًا",
        "خلال 11 دقيقة تقريبًا",
    ]
    assert [words.tag for words in LANGUAGES if words.right_to_left] == ["ar"]


@ALL
def test_the_errors_that_visitors_meet_are_translated(words: Words) -> None:
    if words is ENGLISH:
        return
    for error in (AppError, AppTimeoutError, LeaseOutError):
        assert {error.title, error.public} <= words.errors.keys()
    assert words.errors.keys() == choose(b"de").errors.keys()


def _sentences(value: Any) -> list[tuple[str, str]]:
    found = []
    for each in fields(value):
        said = getattr(value, each.name)
        if isinstance(said, str) and each.name != "tag":
            found.append((each.name, said))
        elif each.name == "looking":
            found += _sentences(said)
        elif isinstance(said, tuple) and each.name in {"site", "feature", "user", "read_only"}:
            found += [(each.name, one) for one in said]
    return found


def _blanks(text: str) -> set[str]:
    assert not re.search(r"\{\w*$", text)
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
