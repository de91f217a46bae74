"""Which language a client gets: RFC 4647's lookup (section 3.4) in RFC 9110's order of quality.

A range that is not there is cut from the right (``de-AT`` is served by ``de``). Chinese is told
apart by script: where a range names none, its region does.
"""

from __future__ import annotations

from gateway.pages.languages.arabic import ARABIC
from gateway.pages.languages.english import ENGLISH
from gateway.pages.languages.french import FRENCH
from gateway.pages.languages.german import GERMAN
from gateway.pages.languages.italian import ITALIAN
from gateway.pages.languages.japanese import JAPANESE
from gateway.pages.languages.portuguese import PORTUGUESE
from gateway.pages.languages.simplified_chinese import SIMPLIFIED_CHINESE
from gateway.pages.languages.spanish import SPANISH
from gateway.pages.languages.traditional_chinese import TRADITIONAL_CHINESE
from gateway.pages.negotiate import ranges
from gateway.pages.words import Words

LANGUAGES: tuple[Words, ...] = (
    ENGLISH,
    GERMAN,
    FRENCH,
    SPANISH,
    ITALIAN,
    PORTUGUESE,
    SIMPLIFIED_CHINESE,
    TRADITIONAL_CHINESE,
    JAPANESE,
    ARABIC,
)

# What a range that no language is named by is served by.
_ALSO = {"zh-tw": "zh-hant", "zh-hk": "zh-hant", "zh-mo": "zh-hant", "zh": "zh-hans"}
_TAGS = {words.tag.lower(): words for words in LANGUAGES}
_MOST = 32  # ranges; a browser sends one for each language its user reads


def choose(accepted: bytes | None) -> Words:
    """The language for an ``Accept-Language`` value as it came; ``None``: none was sent.

    Never fails: what cannot be read, or asks only for what we have not, gets English.
    """
    best, quality = ENGLISH, 0.0
    for language_range, wanted in ranges(accepted or b"", _MOST):
        if wanted > quality:  # of equals the first
            words = _served(language_range.decode("ascii", "replace"))
            if words is not None:
                best, quality = words, wanted
    return best


def _served(language_range: str) -> Words | None:
    while language_range:
        tag = _ALSO.get(language_range, language_range)
        if tag in _TAGS:
            return _TAGS[tag]
        language_range = language_range.rpartition("-")[0]
    return None
