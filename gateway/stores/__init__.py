"""Where flips are kept."""

from __future__ import annotations

from pathlib import Path

from gateway.stores.base import Store
from gateway.stores.memory import MemoryStore
from gateway.stores.sqlite import SqliteStore

__all__ = ["open_store"]


def open_store(url: str) -> Store:
    """The store that ``sqlite:PATH`` or ``memory:`` names, not opened yet.

    Raises ``ValueError``, whose message says what is wrong, for any other.
    """
    scheme, colon, rest = url.partition(":")
    if not colon:
        raise ValueError("must be sqlite:PATH or memory:")
    match scheme:
        case "sqlite" if rest and rest != ":memory:":
            return SqliteStore(Path(rest))
        case "sqlite":
            raise ValueError("sqlite: needs the path of a file; for none, say memory:")
        case "memory" if not rest:
            return MemoryStore()
        case "redis" | "rediss":
            raise ValueError(f"{scheme}: comes with a later version")
        case _:
            raise ValueError("must be sqlite:PATH or memory:")
