"""While a guarded command runs, nothing in its scope does: the soak (``make soak``) in short."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.faults import KILL_ONE_WORKER
from tests.soak.scenario import Plan, run
from tests.soak.topology import FOUR, ONE, REPLICAS

SECONDS = 180.0  # at most, on a machine that is busy with other tests


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(Plan(ONE, 1000, 5, SECONDS, clients=60), id="one worker"),
        pytest.param(Plan(FOUR, 1000, 5, SECONDS, clients=60), id="four workers"),
        pytest.param(
            Plan(REPLICAS, 1000, 5, SECONDS, KILL_ONE_WORKER, clients=60),
            id="three replicas, a worker killed",
        ),
    ],
)
def test_nothing_in_scope_runs_while_a_guarded_command_does(plan: Plan, tmp_path: Path) -> None:
    result = run(plan, tmp_path)

    assert result.overlaps == []
    assert result.failures == [], "\n".join(result.lines())


def test_without_the_guard_overlaps_are_found(tmp_path: Path) -> None:
    """Sooner or later: one run in some dozens is lucky."""
    plan = Plan(ONE, 300, 4, SECONDS, clients=60, guarded=False)
    runs = (tmp_path / str(number) for number in range(5))

    assert any(run(plan, _made(folder)).overlaps for folder in runs)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
