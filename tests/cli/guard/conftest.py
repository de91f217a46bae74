"""Gateways with a flag to guard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.fake_guarded import FakeGuarded, guarded_flag, start_fake_guarded


@pytest.fixture
async def site() -> AsyncIterator[FakeGuarded]:
    fake = await start_fake_guarded(guarded_flag())
    yield fake
    await fake.server.close()


@pytest.fixture
async def reindex() -> AsyncIterator[FakeGuarded]:
    fake = await start_fake_guarded(guarded_flag("reindex"))
    yield fake
    await fake.server.close()


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """A file that a command writes to."""
    return tmp_path / "ran"
