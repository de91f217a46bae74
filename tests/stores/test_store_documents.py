"""Overrides as stores write them, and as earlier versions did."""

from __future__ import annotations

import json

import pytest

from gateway.core.overrides import Lift, Override
from gateway.stores.documents import dump_override, load_document, load_entry, load_override

BARE = {"digest": "d", "values": {"ttl": 0}, "at": 1.0, "by": "ann", "reason": "", "extra": {}}


def chained(lifts: int) -> str:
    """An override whose lifts are nested, each in the one before it."""
    opened = [f'{{"at":{at}.0,"values":{{"ttl":{at}}},"then":' for at in range(1, lifts + 1)]
    return f'{json.dumps(BARE)[:-1]}, "lift": {"".join(opened)}null{"}" * lifts}}}'


def test_lifts_lie_flat_however_many_they_are() -> None:
    lifts = tuple(Lift(float(at), {"ttl": at}) for at in range(1, 5_001))
    override = Override("d", {"ttl": 0}, 1.0, "ann", lifts=lifts)
    assert load_override(dump_override(override)) == override


@pytest.mark.parametrize("lifts", [0, 1, 2, 300, 985])
def test_lifts_that_were_nested_are_still_read(lifts: int) -> None:
    override = load_override(chained(lifts))
    assert override.lifts == tuple(Lift(float(at), {"ttl": at}) for at in range(1, lifts + 1))
    assert load_override(dump_override(override)) == override


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        "null",
        '"x"',
        chained(100_000),
        "[" * 100_000,
        json.dumps(BARE | {"lifts": 5}),
    ],
    ids=["half", "list", "empty", "null", "text", "endless", "brackets", "lifts"],
)
def test_what_is_no_override_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 json's own is one too
        load_override(text)


def test_what_is_nested_too_deep_is_a_value_error_wherever_it_is() -> None:
    with pytest.raises(ValueError, match="too deep"):
        load_document("[" * 100_000)
    with pytest.raises(ValueError, match="too deep"):
        load_entry('{"at":' + "[" * 100_000, 1)
