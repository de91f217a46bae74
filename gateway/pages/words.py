"""The words of the gateway's own pages in one language."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

# Up to how many seconds a span is told in which unit.
_UNITS = ((5_400, 60, "minutes"), (129_600, 3_600, "hours"), (math.inf, 86_400, "days"))


@dataclass(frozen=True, slots=True, eq=False)
class Looking:
    """What a page says while it looks whether the site is back. ``looked`` holds ``{time}``."""

    checking: str
    looks: str
    looked: str
    offline: str
    silent: str
    open: str
    open_unsent: str


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Spans as they stand in a sentence: ``in about {n} minutes``.

    Of each unit there are as many forms as ``form`` tells numbers apart (its answer is the place
    of the form; the last one stands for all that are beyond).
    """

    soon: str
    minutes: tuple[str, ...]
    hours: tuple[str, ...]
    days: tuple[str, ...]
    form: Callable[[int], int]

    def about(self, seconds: int) -> str:
        """A span as somebody would say it; rounded up, so that nobody is told too little."""
        if seconds < 60:
            return self.soon
        if seconds == 3600:
            return self._said(1, self.hours)
        size, unit = next((size, unit) for longest, size, unit in _UNITS if seconds <= longest)
        return self._said(-(-seconds // size), getattr(self, unit))

    def _said(self, count: int, forms: tuple[str, ...]) -> str:
        return forms[min(self.form(count), len(forms) - 1)].format(n=count)


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """One language. It is told apart by identity: there is one value of each.

    ``tag`` is of BCP 47. Pairs are a title and a message. ``again`` holds ``{when}``,
    ``percent`` holds ``{percent}``. ``errors`` has what is said of
    errors that visitors meet, by how it is said in English.
    """

    tag: str
    site: tuple[str, str]
    feature: tuple[str, str]
    user: tuple[str, str]
    read_only: tuple[str, str]
    unsent: str
    unsent_advice: str
    expected: str
    worth_another_look: str
    try_now: str
    return_to_form: str
    open_without_sending: str
    open_again: str
    again: str
    again_now: str
    percent: str
    spans: Spans
    looking: Looking
    errors: Mapping[str, str] = field(default_factory=dict)
    right_to_left: bool = False

    @property
    def direction(self) -> str:
        return "rtl" if self.right_to_left else "ltr"
