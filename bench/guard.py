"""What guarding costs: a flip, a drain, a guarded command a user, among members that are idle.

``python -m bench.guard`` (or ``make bench-guard``). Real gateways on loopback, one shape after
another; the command that is guarded is ``true``, so what is left is the gateway's own.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from bench.process import BenchError
from bench.sites import FLAG, HERE, SHAPES, SWITCH, Control, Shape, Site
from bench.table import Table

WITHIN = 240.0  # seconds that a run may take
SHARES = (0.5, 0.99, 1.0)  # of the calls: p50, p99, max


@dataclass(frozen=True, slots=True)
class Times:
    """Of one call, seconds each."""

    taken: Sequence[float]

    def at(self, share: float) -> float:
        """The least time that so large a share of the calls kept to."""
        return sorted(self.taken)[max(0, ceil(share * len(self.taken)) - 1)]


@dataclass(frozen=True, slots=True)
class Guarded:
    """One ``gateway guard --users``: seconds, of the wall clock and of CPU.

    ``own`` is the guard's with its commands, ``gateways`` that of all members.
    """

    users: int
    wall: float
    own: float
    gateways: float

    def a_user(self, single: Guarded) -> tuple[float, float, float]:
        """Milliseconds that one more user takes, what a guard of one needs being left out."""
        more = (self.users - single.users) / 1000
        return (
            (self.wall - single.wall) / more,
            (self.own - single.own) / more,
            (self.gateways - single.gateways) / more,
        )


@dataclass(slots=True)
class Costs:
    """All that was measured of one shape."""

    shape: Shape
    flips: Times
    drains: Times
    single: Guarded
    lists: dict[int, Guarded] = field(default_factory=dict)  # by --jobs


@dataclass(frozen=True, slots=True)
class Bench:
    """One run. ``deadline`` is on the monotonic clock."""

    folder: Path
    calls: int
    users: int
    jobs: Sequence[int]
    deadline: float

    def run(self, shapes: Sequence[Shape], found: list[Costs]) -> None:
        """Each shape's, with no other shape's processes beside it. ``found`` keeps those that
        were measured before a ``BenchError``."""
        cores = os.sched_getaffinity(0)
        for number, shape in enumerate(shapes):
            _say(f"{shape.name} ...")
            with ExitStack() as stack:
                site = Site(shape, self.folder / str(number), stack, cores)
                found.append(self._measured(site))

    def _measured(self, site: Site) -> Costs:
        with Control(site.control) as control:
            self._flips(control, 10)  # what is done only once is done
            flips, drains = self._flips(control, self.calls), self._drains(control, self.calls)
        single = min((self._guarded(site, 1, 1) for _ in range(3)), key=lambda one: one.wall)
        lists = {jobs: self._guarded(site, self.users, jobs) for jobs in self.jobs}
        with Control(site.control) as control:
            _check_left(control)
        return Costs(site.shape, flips, drains, single, lists)

    def _flips(self, control: Control, count: int) -> Times:
        self._left()
        path = f"flags/{SWITCH}"
        return Times([control.timed("PATCH", path, {"enabled": n % 2 == 0}) for n in range(count)])

    def _drains(self, control: Control, count: int) -> Times:
        taken = []
        for number in range(count):
            self._left()
            path = f"flags/{FLAG}/users/drained-{number}"
            control.call("PUT", path)
            asked = {"user": f"drained-{number}", "timeout": 30}
            taken.append(control.timed("POST", f"flags/{FLAG}/drain", asked))
            control.call("DELETE", path)
        return Times(taken)

    def _guarded(self, site: Site, users: int, jobs: int) -> Guarded:
        listed, log = self.folder / "users.txt", self.folder / "guard.log"
        listed.write_text("".join(f"user-{number}\n" for number in range(users)))
        words = ("guard", FLAG, "--users", str(listed), "--jobs", str(jobs))
        where = ("--url", f"http://127.0.0.1:{site.control}")
        command = (sys.executable, "-m", "gateway", *words, *where, "--", "true")
        gateways, own, began = site.cpu_seconds(), _children_cpu(), time.perf_counter()
        with log.open("wb") as output:
            status = _status(command, output.fileno(), self._left())
        wall = time.perf_counter() - began
        if status:
            raise BenchError(f"{' '.join(words)} ended with {status}:\n{log.read_text()[-4000:]}")
        return Guarded(users, wall, _children_cpu() - own, site.cpu_seconds() - gateways)

    def _left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise BenchError("this takes longer than --within")
        return left


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    # A polite end from outside takes the same way out as Ctrl-C: every child is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    found: list[Costs] = []
    status = 0
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
            _bench(options, Path(temporary)).run(_shapes(options.only), found)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        return 130
    if found:
        _report(found, markdown=options.markdown)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.guard", description=__doc__)
    add = parser.add_argument
    add("--users", type=int, default=300, help="how many a list has")
    add("--calls", type=int, default=200, help="how many flips, and how many drains")
    add("--jobs", default="1,4", help="how many users at a time, by comma: each is measured")
    add("--only", action="append", metavar="SHAPE", help='as "SQLite, 4 workers"; repeatable')
    add("--quick", action="store_true", help="30 users, 30 calls")
    add("--within", type=float, default=WITHIN, metavar="SECONDS", help="end by then")
    add("--markdown", action="store_true", help="print tables for a README")
    return parser


def _bench(options: argparse.Namespace, folder: Path) -> Bench:
    calls, users = (30, 30) if options.quick else (options.calls, options.users)
    if users < 2 or calls < 1:
        raise BenchError("two users at least, and one call")
    jobs = [int(count) for count in options.jobs.split(",")]
    return Bench(folder, calls, users, jobs, time.monotonic() + options.within)


def _shapes(names: Sequence[str] | None) -> list[Shape]:
    known = {shape.name: shape for shape in SHAPES}
    if unknown := set(names or ()) - known.keys():
        raise BenchError(f"no such shape: {'; '.join(unknown)} (of {'; '.join(known)})")
    return [known[name] for name in names or known]


def _status(command: Sequence[str], output: int, seconds: float) -> int:
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=HERE,
            timeout=seconds,
            check=False,
        ).returncode
    except subprocess.TimeoutExpired as error:
        raise BenchError("this takes longer than --within") from error


def _children_cpu() -> float:
    # Of children that have ended and their own: while a guard runs, no other child of ours ends.
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _check_left(control: Control) -> None:
    """A guard that left something behind was not measured to its end."""
    flag = control.call("GET", f"flags/{FLAG}")
    if flag["users"] or control.call("GET", "guards")["guards"]:
        raise BenchError(f"left behind: {flag}")


def _report(found: Sequence[Costs], *, markdown: bool) -> None:
    show = Table.markdown if markdown else Table.plain
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    print(f"\nMilliseconds; {machine}, Python {platform.python_version()}\n")
    print(f"{show(_calls(found))}\n\n{show(_lists(found))}")


def _calls(found: Sequence[Costs]) -> Table:
    head = ["flip and drain", "flip p50", "p99", "max", "drain p50", "p99", "max"]
    table = Table(head, [])
    for costs in found:
        figures = [times.at(share) for times in (costs.flips, costs.drains) for share in SHARES]
        table.lines.append([costs.shape.name, *(_text(seconds * 1000) for seconds in figures)])
    return table


def _lists(found: Sequence[Costs]) -> Table:
    head = ["guard --users", "one alone"]
    for jobs in found[0].lists:
        head += [f"a user, jobs {jobs}", "guard's CPU", "gateways' CPU"]
    table = Table(head, [])
    for costs in found:
        line = [costs.shape.name, _text(costs.single.wall * 1000)]
        for guarded in costs.lists.values():
            line += map(_text, guarded.a_user(costs.single))
        table.lines.append(line)
    return table


def _text(milliseconds: float) -> str:
    return f"{milliseconds:.1f}" if milliseconds < 100 else f"{milliseconds:.0f}"


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
