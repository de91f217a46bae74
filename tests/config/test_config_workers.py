"""How many workers, and what several of them cannot share."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from gateway.config import Settings

Load = Callable[..., Settings]
Errors = Callable[..., list[str]]

ALONE = "memory is one process's own; for several workers say sqlite:PATH"


def test_memory_store_is_refused_for_several_workers(errors: Errors) -> None:
    assert errors("workers: 2\nstore: 'memory:'\n") == [f"config.yaml:2: store: {ALONE}"]


@pytest.mark.parametrize("text", ["workers: 1\nstore: 'memory:'\n", "workers: 2\n"])
def test_what_is_shared_or_need_not_be_is_taken(read: Load, text: str) -> None:
    assert read(text).workers == int(text[9])


def test_workers_may_be_one_for_each_core(read: Load) -> None:
    cores = len(os.sched_getaffinity(0))
    assert read("workers: auto\n").workers == cores
    assert read("workers: 0\n").workers == cores
    assert read("", {"GATEWAY_WORKERS": "auto"}).workers == cores


@pytest.mark.parametrize("text", ["-1", "1.5", "many", "2000", "yes", "[2]"])
def test_workers_are_a_number_or_auto(errors: Errors, text: str) -> None:
    (found,) = errors(f"workers: {text}\n")
    assert found.startswith("config.yaml:1: workers: must be ")
    assert found.endswith("or auto: one for each core")
