"""The store that keeps nothing, against the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gateway.stores.base import Store
from gateway.stores.memory import MemoryStore
from tests.stores.contract import StoreContract


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    store = MemoryStore()
    await store.open()
    yield store
    await store.close()


class TestMemoryStore(StoreContract):
    pass
