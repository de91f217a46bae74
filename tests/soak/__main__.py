"""``python -m tests.soak``: the long form. Exit status 1 where anything has failed."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from tests.soak import faults
from tests.soak.scenario import Plan, Result, run
from tests.soak.topology import FOUR, FOUR_STRICT, ONE, REPLICAS

PLANS = {
    "one": Plan(ONE, 14_000, 30, 60),
    "four": Plan(FOUR, 14_000, 30, 60),
    "replicas": Plan(REPLICAS, 14_000, 30, 60),
    "four-killed": Plan(FOUR, 12_000, 25, 60, faults.KILL_WORKERS),
    "four-replaced": Plan(FOUR, 12_000, 25, 60, faults.REPLACE_WORKERS),
    "four-frozen": Plan(FOUR_STRICT, 8_000, 20, 60, faults.FREEZE_WORKER),
    "replicas-killed": Plan(REPLICAS, 12_000, 25, 60, faults.KILL_WORKERS),
    "replica-frozen": Plan(REPLICAS, 10_000, 25, 60, faults.FREEZE_REPLICA),
    "redis-restarted": Plan(REPLICAS, 10_000, 25, 60, faults.RESTART_REDIS),
    "redis-frozen": Plan(REPLICAS, 8_000, 20, 60, faults.FREEZE_REDIS),
}


def main() -> int:
    """The exit status."""
    reader = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    reader.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PLANS)}")
    reader.add_argument("--break", action="store_true", dest="broken",
                        help="flip without guarding: overlaps must be found")  # fmt: skip
    reader.add_argument("--scale", type=float, default=1.0, help="of requests and windows")
    reader.add_argument("--keep", action="store_true", help="keep logs and records")
    given = reader.parse_args()
    if unknown := set(given.names) - set(PLANS):
        reader.error(f"unknown: {', '.join(sorted(unknown))}")
    folder, began = Path(tempfile.mkdtemp(prefix="soak-")), time.monotonic()
    names = given.names or (["one"] if given.broken else list(PLANS))
    results = [_one(name, folder / name, given) for name in names]
    if given.keep:
        _say(f"kept in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return _sum(results, time.monotonic() - began)


def _one(name: str, folder: Path, given: argparse.Namespace) -> Result:
    plan = PLANS[name]
    plan = replace(
        plan,
        requests=int(plan.requests * given.scale),
        windows=int(plan.windows * given.scale),
        guarded=not given.broken,
    )
    result = run(plan, folder)
    for line in result.lines():
        _say(line)
    return result


def _sum(results: list[Result], took: float) -> int:
    requests = sum(result.requests for result in results)
    windows = sum(result.windows for result in results)
    overlapping = sum(len(result.overlaps) for result in results)
    failed = sum(bool(result.failures) for result in results)
    _say(
        f"{requests} requests in scope, {windows} windows, {overlapping} overlaps; "
        f"{failed} of {len(results)} soaks failed; {took / 60:.1f} minutes"
    )
    return int(failed > 0)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
