"""docs/telemetry.md and the exposition: each metric, with its type and labels, both ways."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client.metrics_core import Metric

from tests.support.exposition import families

PAGE = (Path(__file__).parents[2] / "docs" / "telemetry.md").read_text("utf-8")
Told = tuple[str, str, frozenset[str]]


def documented() -> set[Told]:
    rows = re.findall(r"^\| `(gateway_\w+)` \| (\w+) \| (.*?) \|", PAGE, re.MULTILINE)
    return {(name, kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def exposed() -> set[Told]:
    return {(_series(each), each.type, _labels(each)) for each in families()}


def _series(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def _labels(family: Metric) -> frozenset[str]:
    return frozenset(label for each in family.samples for label in each.labels) - {"le"}


def test_every_metric_is_documented_with_its_type_and_labels() -> None:
    assert exposed() - documented() == set()


def test_every_documented_metric_is_exposed() -> None:
    assert documented() - exposed() == set()
