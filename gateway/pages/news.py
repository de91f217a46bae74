"""What pages say that no setting and no flip does: fetched pages, and how far a command is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Progress:
    """``percent`` is whole, 0 to 100; ``left`` is seconds, None: nobody can say."""

    percent: int
    left: int | None = None


@dataclass(frozen=True, slots=True)
class News:
    """``copies`` are the pages of ``page.url`` by address, ``progress`` is by flag."""

    copies: Mapping[str, str] = field(default_factory=dict)
    progress: Mapping[str, Progress] = field(default_factory=dict)


NO_NEWS = News()
