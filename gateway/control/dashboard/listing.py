"""A long list in pages, narrowed down by the server, so that thousands will do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

EACH = 50  # on a page


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """``shown`` of the ``found`` that ``query`` is in, of ``total``; pages count from 1."""

    shown: Sequence[T]
    query: str
    page: int
    pages: int
    found: int
    total: int


def listing(named: Sequence[tuple[str, T]], query: str, page: str) -> Listing[T]:
    """The page asked for, or the nearest that there is. Case does not count."""
    wanted = query.strip().casefold()
    found = [each for name, each in named if wanted in name.casefold()]
    pages = max(1, -(-len(found) // EACH))
    at = min(int(page), pages) if page.isascii() and page.isdigit() and len(page) < 7 else 1
    at = max(1, at)
    shown = found[(at - 1) * EACH : at * EACH]
    return Listing(shown, query.strip(), at, pages, len(found), len(named))
