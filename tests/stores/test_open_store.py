"""Which store an address names."""

from __future__ import annotations

import pytest

from gateway.stores import open_store
from gateway.stores.memory import MemoryStore
from gateway.stores.sqlite import SqliteStore


def test_an_address_names_its_store() -> None:
    assert isinstance(open_store("sqlite:gateway.db"), SqliteStore)
    assert isinstance(open_store("memory:"), MemoryStore)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis://127.0.0.1:6379/0", "comes with a later version"),
        ("rediss://127.0.0.1", "comes with a later version"),
        ("sqlite:", "needs the path"),
        ("sqlite::memory:", "say memory:"),
        ("gateway.db", "must be sqlite:PATH or memory:"),
        ("memory", "must be sqlite:PATH or memory:"),
        ("memory:x", "must be sqlite:PATH or memory:"),
        ("postgres://x", "must be sqlite:PATH or memory:"),
        ("", "must be sqlite:PATH or memory:"),
    ],
)
def test_any_other_address_is_an_error(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_store(url)
