from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.fake_control import FakeControl, start_fake_control


@pytest.fixture
async def control() -> AsyncIterator[FakeControl]:
    fake = await start_fake_control()
    yield fake
    await fake.server.close()
