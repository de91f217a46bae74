"""Which store an address names."""

from __future__ import annotations

import pytest

from gateway.stores import open_store
from gateway.stores.memory import MemoryStore
from gateway.stores.redis import RedisStore
from gateway.stores.sqlite import SqliteStore


def test_an_address_names_its_store() -> None:
    assert isinstance(open_store("sqlite:gateway.db"), SqliteStore)
    assert isinstance(open_store("memory:"), MemoryStore)
    for url in (
        "redis://127.0.0.1",
        "rediss://:secret@db.example.com:6380/1?ca=/etc/ca.pem",
        "redis+unix:///run/redis.sock",
        "redis+sentinel://a,b:26380/mymaster",
    ):
        assert isinstance(open_store(url), RedisStore)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis:", "must be redis://HOST"),
        ("redis://a,b", "one host"),
        ("sqlite:", "needs the path"),
        ("sqlite::memory:", "say memory:"),
        ("gateway.db", "must be sqlite:PATH, redis://HOST:PORT or memory:"),
        ("memory", "must be sqlite:PATH, redis://HOST:PORT or memory:"),
        ("memory:x", "must be sqlite:PATH, redis://HOST:PORT or memory:"),
        ("postgres://x", "must be sqlite:PATH, redis://HOST:PORT or memory:"),
        ("", "must be sqlite:PATH, redis://HOST:PORT or memory:"),
    ],
)
def test_any_other_address_is_an_error(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_store(url)
