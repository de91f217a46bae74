"""One soak: a topology under load, guards over and over, a fault in the middle, and the verdict."""

from __future__ import annotations

import json
import math
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tests.soak.faults import Fault
from tests.soak.guards import Guards, Ran
from tests.soak.judge import Overlap, closest, overlaps, read_windows
from tests.soak.load import LEASE_OUT, Settings
from tests.soak.topology import CONTROL_GROUP, ROOT, SCOPES, USERS, Site, Topology
from tests.support.servers import BIN, wait_until

WARMING = 1.5  # seconds of load before a fault
RECOVERY = 30.0  # seconds after a fault within which every flag must have been guarded again
PATIENT, IMPATIENT = 20.0, 4.0  # seconds for an answer; the latter where some never come
WEIGHTS = {"feature": 10, "people": 8, CONTROL_GROUP: 3}


@dataclass(frozen=True, slots=True)
class Plan:
    """It runs until the app has had ``requests`` in scope and ``windows`` were run, for at most
    ``seconds`` (and those that a fault takes); less than either is a failure."""

    topology: Topology
    requests: int
    windows: int
    seconds: float
    fault: Fault | None = None
    clients: int = 200
    pause: float = 0.25
    guarded: bool = True

    @property
    def name(self) -> str:
        return self.topology.name + (f", {self.fault.name}" if self.fault else "")


@dataclass(slots=True)
class Result:
    """Figures, and ``failures`` in words. ``closest`` and ``recovered`` are seconds."""

    plan: Plan
    requests: int = 0
    control_group: int = 0
    windows: int = 0
    took: float = 0.0
    closest: float = math.inf
    faulty: tuple[float, float] | None = None  # from when to when the fault lasted
    during: int = 0  # windows that started then
    recovered: float | None = None
    guards: Counter[int | None] = field(default_factory=Counter)
    guards_took: list[float] = field(default_factory=list)
    told: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    overlaps: list[Overlap] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """For people to read."""
        refused = sum(self.told.get("refused", {}).values())
        yield f"{self.plan.name} ({self.took:.0f} s)"
        yield (
            f"  requests {self.requests} in scope, {self.control_group} not; refused {refused}; "
            f"left {sum(self.told.get('left', {}).values())}; "
            f"lost {sum(self.told.get('lost', {}).values())}"
        )
        statuses = ", ".join(f"{count} with {status}" for status, count in self.guards.items())
        took = median(self.guards_took or [math.inf])
        yield f"  windows {self.windows}; guards ended {statuses}, in {took:.1f} s on the median"
        yield (
            f"  overlaps {len(self.overlaps)}; an end {self.closest * 1000:.1f} ms "
            f"before a window at the closest"
        )
        if self.recovered is not None:
            yield (
                f"  {self.during} windows during the fault; "
                f"all flags guarded again {self.recovered:.1f} s after it"
            )
        yield from (f"    {overlap}" for overlap in self.overlaps[:10])
        yield from (f"  FAILED: {failure}" for failure in self.failures)


def run(plan: Plan, folder: Path) -> Result:
    """Raises AssertionError where something does not even start."""
    began = time.monotonic()
    result = Result(plan)
    with Site(plan.topology, folder) as site:
        guards = [Guards(site, scope, guarded=plan.guarded) for scope in SCOPES]
        with loading(_settings(plan, site)) as told, _running(guards):
            _go_through(plan, site, guards, result)
        result.told = told()
        wait_until(site.idle, "the app has nothing left to do", within=10)
        _judge(plan, site, guards, result)
    result.took = time.monotonic() - began
    return result


def _settings(plan: Plan, site: Site) -> Settings:
    return Settings(
        [gateway.port for gateway in site.gateways],
        WEIGHTS,
        CONTROL_GROUP,
        users=USERS,
        clients=plan.clients,
        pause=plan.pause,
        patience=IMPATIENT if plan.fault and plan.fault.breaks else PATIENT,
    )


@contextmanager
def _running(guards: list[Guards]) -> Iterator[None]:
    for each in guards:
        each.start()
    try:
        yield
    finally:
        for each in guards:
            each.stop()


@contextmanager
def loading(settings: Settings) -> Iterator[Callable[[], Any]]:
    """A load while the block runs; what is handed out then tells its figures."""
    said: list[bytes] = []
    with subprocess.Popen(
        [str(BIN / "python"), "-m", "tests.soak.load", json.dumps(asdict(settings))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        try:
            yield lambda: json.loads(said[0])
            said.append(process.communicate(timeout=30)[0])
        except BaseException:
            process.kill()
            raise


def _go_through(plan: Plan, site: Site, guards: list[Guards], result: Result) -> None:
    time.sleep(WARMING)
    if plan.fault is not None:
        began = time.monotonic()
        plan.fault.cause(site)
        result.faulty = began, time.monotonic()
        result.recovered = _recovery(guards)
        if result.recovered > RECOVERY:
            result.failures.append(f"not every flag was guarded within {RECOVERY} s of the fault")
    deadline = time.monotonic() + plan.seconds
    while time.monotonic() < deadline:
        if site.count() >= plan.requests and len(read_windows(site.windows)) >= plan.windows:
            return
        time.sleep(0.25)


def _recovery(guards: list[Guards]) -> float:
    """Seconds from now until a guard that was started from now on has done its work, of each."""
    mended, deadline = time.monotonic(), time.monotonic() + RECOVERY + 5

    def done(ran: Ran) -> bool:
        return ran.status == 0 and ran.at - ran.took >= mended

    while time.monotonic() < deadline:
        firsts = [next((ran.at for ran in each.ran if done(ran)), None) for each in guards]
        if None not in firsts:
            return max(at for at in firsts if at is not None) - mended
        time.sleep(0.05)
    return math.inf


def _judge(plan: Plan, site: Site, guards: list[Guards], result: Result) -> None:
    requests, windows = site.requests(), read_windows(site.windows)
    result.control_group = sum(request.scope == CONTROL_GROUP for request in requests)
    result.requests = len(requests) - result.control_group
    result.windows = len(windows)
    if result.faulty is not None:
        since, until = result.faulty
        result.during = sum(since < window.start < until for window in windows)
    result.overlaps = overlaps(requests, windows, SCOPES)
    result.closest = closest(requests, windows, SCOPES)
    for each in guards:
        result.guards += each.statuses()
        result.guards_took += [ran.took for ran in each.ran]
    result.failures += _complaints(plan, site, guards, result)


def _complaints(plan: Plan, site: Site, guards: list[Guards], result: Result) -> Iterator[str]:
    if result.overlaps:
        yield f"{len(result.overlaps)} requests ran while a command in whose scope they are did"
    if result.requests < plan.requests:
        yield f"{result.requests} requests, of {plan.requests}"
    if result.windows < plan.windows:
        yield f"{result.windows} windows, of {plan.windows}"
    if plan.fault is not None and result.during < plan.fault.windows:
        yield f"{result.during} windows during the fault, of {plan.fault.windows}"
    yield from (f"a traceback in {log}" for log in site.tracebacks())
    yield from _of_the_load(plan, result)
    yield from _of_guards(plan, [ran for each in guards for ran in each.ran])


def _of_the_load(plan: Plan, result: Result) -> Iterator[str]:
    if refused := result.told["refused"].get(CONTROL_GROUP):
        yield f"{refused} requests refused that no flag concerns"
    if plan.fault is not None and plan.fault.breaks:
        return
    if lost := result.told["lost"].get(CONTROL_GROUP):
        yield f"{lost} requests of the control group lost: {result.told['losses']}"
    if odd := set(result.told["odd"]) - _may_be_told(plan):
        yield f"odd answers: {odd}"


def _may_be_told(plan: Plan) -> set[str]:
    # What had begun is ended where it is in a strict flag's scope, and not by the flag.
    if plan.fault is None or not plan.fault.leaseless:
        return set()
    return {f"{scope.path}: 503{LEASE_OUT}" for scope in SCOPES}


def _of_guards(plan: Plan, ran: list[Ran]) -> Iterator[str]:
    if any(each.status is None for each in ran):
        yield "a guard hung"
    if not plan.guarded or plan.fault is not None:
        return
    for each in ran:
        # Exchanges that were given up keep guards waiting, and nothing else may.
        if each.status != 0 and "given up before their end" not in each.said:
            yield f"a guard of {each.flag} ended with {each.status}: {each.said[-400:]}"
