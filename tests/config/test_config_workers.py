"""How many workers, and what several of them cannot share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.config import Settings

Load = Callable[..., Settings]
Errors = Callable[..., list[str]]

ALONE = "memory: is one process's own; for several workers say sqlite:PATH"


def test_memory_store_is_refused_for_several_workers(errors: Errors) -> None:
    assert errors("workers: 2\nstore: 'memory:'\n") == [f"config.yaml:2: store: {ALONE}"]


@pytest.mark.parametrize("text", ["workers: 1\nstore: 'memory:'\n", "workers: 2\n"])
def test_what_is_shared_or_need_not_be_is_taken(read: Load, text: str) -> None:
    assert read(text).workers == int(text[9])
