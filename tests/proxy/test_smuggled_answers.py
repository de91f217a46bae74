"""Answers that two readers would frame differently: 502, or on to the client as one plain answer.

Whatever the app says beyond its answer is nobody's: the next request, of this visitor or of
another, gets its own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.hearing import hearing
from tests.support.proxy_stage import Stage
from tests.support.smuggling_answers import FAMILIES
from tests.support.strict_app import StrictApp


@pytest.fixture
async def app(stage: Stage) -> AsyncIterator[StrictApp]:
    made = StrictApp(stage.app)
    made.start()
    yield made
    await made.close()


@pytest.mark.parametrize("family", FAMILIES)
async def test_an_ambiguous_answer_is_502_and_a_plain_one_is_relayed(
    stage: Stage, app: StrictApp, family: str
) -> None:
    complaints = []
    for spoken in FAMILIES[family]:
        complaints += await hearing(spoken, app, stage.client)
    assert complaints == []
