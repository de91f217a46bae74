"""Where flips are kept."""

from __future__ import annotations

from pathlib import Path

from gateway.config.redis_address import REDIS_SCHEMES, parse_redis_address
from gateway.stores.base import Store
from gateway.stores.memory import MemoryStore
from gateway.stores.sqlite import SqliteStore

__all__ = ["open_store"]


def open_store(url: str) -> Store:
    """The store that ``sqlite:PATH``, ``redis://...`` or ``memory:`` names, not opened yet.

    The forms of a Redis address are in ``config/redis_address.py``. Raises ``ValueError``,
    whose message says what is wrong, for any other.
    """
    scheme, colon, rest = url.partition(":")
    if not colon:
        raise ValueError("must be sqlite:PATH, redis://HOST:PORT or memory:")
    match scheme:
        case "sqlite" if rest and rest != ":memory:":
            return SqliteStore(Path(rest))
        case "sqlite":
            raise ValueError("sqlite: needs the path of a file; for none, say memory:")
        case "memory" if not rest:
            return MemoryStore()
        case _ if scheme in REDIS_SCHEMES:
            return _redis(url)
        case _:
            raise ValueError("must be sqlite:PATH, redis://HOST:PORT or memory:")


def _redis(url: str) -> Store:
    # Its client takes a fifth of all the imports that a start costs: 0.1 s of CPU of 0.5.
    from gateway.stores.redis import RedisStore  # noqa: PLC0415

    return RedisStore(parse_redis_address(url))
