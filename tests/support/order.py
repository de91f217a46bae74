"""The order of the tests where several processes share them: what takes long comes first.

``--dist worksteal`` cuts the list into as many equal parts as there are processes, and takes
from the end of a part for whoever has none left. So each part begins with slow modules, whole,
and ends with quick ones: nobody is left alone with a slow one at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import pytest

# Seconds, roughly; of those that take longest. One that is missing only ends a run later.
SECONDS = {
    "test_drain": 80,
    "test_workers": 50,
    "test_no_overlap": 40,
    "test_page_in_chromium": 30,
    "test_flips": 20,
    "test_dashboard_in_chromium": 19,
    "test_addresses": 16,
    "test_kubernetes_replay": 15,
    "test_rolling_reindex": 15,
    "test_socket_activation": 14,
    "test_index": 14,
    "test_scope_servers": 13,
    "test_store_faults": 12,
    "test_upgrade": 11,
    "test_live_yaml": 10,
    "test_schemathesis": 10,
    "test_httpbin": 10,
    "test_cli_demo": 8,
    "test_kubernetes": 8,
    "test_quiescence_model": 8,
    "test_redis": 8,
    "test_run": 7,
    "test_prometheus": 9,
}
WITH_SERVERS = 4  # what a module of tests/e2e takes that is not among them


def slowest_first(items: Sequence[pytest.Item], parts: int) -> list[pytest.Item]:
    """The same tests for so many processes. Every process comes to the same order."""
    modules = [list(tests) for _, tests in groupby(items, lambda item: item.path)]
    modules.sort(key=_seconds, reverse=True)
    slow = [tests for tests in modules if _seconds(tests)]
    quick = [test for tests in modules if not _seconds(tests) for test in tests]
    ordered: list[pytest.Item] = []
    for number, part in enumerate(_dealt(slow, parts)):
        left = len(items) - len(ordered)
        room = max(left // (parts - number) - len(part), 0)  # as xdist cuts the list
        ordered += part + quick[:room]
        del quick[:room]
    return ordered + quick


def _dealt(modules: list[list[pytest.Item]], parts: int) -> list[list[pytest.Item]]:
    """Each to the part that has least to do yet."""
    dealt: list[list[pytest.Item]] = [[] for _ in range(parts)]
    taken = [0] * parts
    for tests in modules:
        least = taken.index(min(taken))
        dealt[least] += tests
        taken[least] += _seconds(tests)
    return dealt


def _seconds(tests: list[pytest.Item]) -> int:
    path = tests[0].path
    return SECONDS.get(path.stem, WITH_SERVERS if "e2e" in path.parts else 0)
