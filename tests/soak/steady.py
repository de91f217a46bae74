"""``python -m tests.soak.steady``: the same load for twenty minutes, and nothing may grow.

Flags are flipped every second or two, the YAML is edited every few seconds, and clients leave in
the middle all the time, some in mid-upload. After a warm-up, the gateway's memory and its
descriptors have to stay as they are; no answer may be another than asked for; and once the load
is over every descriptor has to be given back. Exit status 1 where anything has failed.

``SOAK_SECONDS`` is how long (1200), ``SOAK_CLIENTS`` how many ask at once (40: some 200 requests
a second).
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from tests.soak.load import Settings
from tests.soak.scenario import WEIGHTS, loading
from tests.soak.topology import CONTROL_GROUP, ONE, USERS, Gateway, Site
from tests.support.servers import wait_until

WARM_UP = 0.25  # of the time: caches, pools and the allocator fill
SAMPLE = 2.0  # seconds
GROWTH = 1.05  # at most, from the first fifth after the warm-up to the last
REST = 120.0  # seconds until what was kept is given back; the idle time-out is 75


@dataclass(frozen=True, slots=True)
class Sample:
    """Resident bytes, and descriptors open."""

    memory: int
    descriptors: int


def look(pid: int) -> Sample:
    """One process as it is now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return Sample(pages * os.sysconf("SC_PAGE_SIZE"), descriptors)


@dataclass(slots=True)
class Steady:
    """What was seen. ``before`` and ``after`` are at rest."""

    seconds: float
    before: Sample
    samples: list[Sample] = field(default_factory=list)
    flips: int = 0
    edits: int = 0
    after: Sample | None = None
    told: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    tracebacks: list[str] = field(default_factory=list)

    def ends(self) -> tuple[list[Sample], list[Sample]]:
        """The first fifth after the warm-up, and the last."""
        warm = self.samples[int(len(self.samples) * WARM_UP) :]
        fifth = max(1, len(warm) // 5)
        return warm[:fifth], warm[-fifth:]

    def lines(self) -> Iterator[str]:
        """For people to read."""
        counts = {name: sum(found.values()) for name, found in self.told.items()}
        yield f"{self.seconds:.0f} s; {self.flips} flips, {self.edits} edits of the YAML"
        yield "requests: " + ", ".join(
            f"{counts[name]} {name}" for name in ("answered", "refused", "left", "lost", "odd")
        )
        first, last = self.ends()
        mib = [mean(sample.memory for sample in part) / 2**20 for part in (first, last)]
        yield f"memory: {mib[0]:.1f} MiB, then {mib[1]:.1f} ({mib[1] / mib[0] - 1:+.1%})"
        files = [mean(sample.descriptors for sample in part) for part in (first, last)]
        yield f"descriptors: {files[0]:.1f}, then {files[1]:.1f}"
        assert self.after is not None
        yield f"descriptors at rest: {self.before.descriptors}, then {self.after.descriptors}"
        yield from (f"FAILED: {failure}" for failure in self.failures())

    def failures(self) -> Iterator[str]:
        """In words."""
        first, last = self.ends()
        for name in ("memory", "descriptors"):
            was, became = (mean(getattr(sample, name) for sample in part) for part in (first, last))
            if became > was * GROWTH:
                yield f"{name} grew from {was:.0f} to {became:.0f}"
        if self.after is not None and self.after.descriptors > self.before.descriptors:
            yield "descriptors are not given back"
        if refused := self.told["refused"].get(CONTROL_GROUP):
            yield f"{refused} requests refused that no flag concerns"
        if lost := self.told["lost"]:
            yield f"requests lost: {lost} ({self.told['losses']})"
        if odd := self.told["odd"]:
            yield f"odd answers: {odd}"
        yield from (f"a traceback in {log}" for log in self.tracebacks)


def run(seconds: float, clients: int, folder: Path) -> Steady:
    """One gateway under load for so long."""
    with Site(ONE, folder) as site:
        (gateway,) = site.gateways
        edit(gateway, 0)
        wait_until(lambda: gateway.call("GET", "flags/feature").document["description"], "an edit")
        steady = Steady(seconds, look(gateway.program.pid))
        settings = Settings(
            [gateway.port], WEIGHTS, CONTROL_GROUP, users=USERS, clients=clients, patience=60.0
        )
        with loading(settings) as told:
            disturb(steady, gateway)
        steady.told = told()
        steady.after = at_rest(gateway, steady.before)
        steady.tracebacks = site.tracebacks()
    return steady


def disturb(steady: Steady, gateway: Gateway) -> None:
    """Flip and edit until the time is over, and look at the process meanwhile."""
    dice, began = random.Random(1), time.monotonic()
    flip, sample = began, began
    while (now := time.monotonic()) < began + steady.seconds:
        if now >= flip:
            _flip(steady, gateway, dice)
            flip = now + dice.uniform(0.5, 2.0)
        if now >= sample:
            steady.samples.append(look(gateway.program.pid))
            sample += SAMPLE
        time.sleep(0.05)


def _flip(steady: Steady, gateway: Gateway, dice: random.Random) -> None:
    steady.flips += 1
    match dice.randrange(6):
        case 0:
            steady.edits += 1
            edit(gateway, steady.edits)
        case 1:
            gateway.reset("feature", "people")
        case 2:
            users = dice.sample(range(USERS), 3)
            gateway.flip("people", users=[f"u{user}" for user in users])
        case 3:
            gateway.flip("people", users=[])
        case _:
            gateway.flip("feature", enabled=dice.random() < 0.3)


def edit(gateway: Gateway, number: int) -> None:
    """Another description of the same flags."""
    gateway.write_config(
        "flags:\n"
        f"  feature: {{paths: [/feature], description: edit {number}}}\n"
        f"  people: {{paths: [/people], user: {{cookie: uid}}, description: edit {number}}}\n"
    )


def at_rest(gateway: Gateway, before: Sample) -> Sample:
    """Once what was kept has been given back, or was not."""
    deadline = time.monotonic() + REST
    while (found := look(gateway.program.pid)).descriptors > before.descriptors:
        if time.monotonic() > deadline:
            break
        time.sleep(0.5)
    return found


def main(environ: Mapping[str, Any] = os.environ) -> int:
    """The exit status."""
    folder = Path(tempfile.mkdtemp(prefix="steady-"))
    seconds = float(environ.get("SOAK_SECONDS", 1200))
    steady = run(seconds, int(environ.get("SOAK_CLIENTS", 40)), folder)
    for line in steady.lines():
        sys.stdout.write(f"{line}\n")
    shutil.rmtree(folder, ignore_errors=True)
    return int(any(steady.failures()))


if __name__ == "__main__":
    sys.exit(main())
