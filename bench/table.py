"""From samples to a table: medians, ratios within one run, ratios to an earlier run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

FORWARD = "forward"
BROWSER = "forward, browser's head"
REFUSE = "refuse"
COLUMNS = (FORWARD, BROWSER, REFUSE)
GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Sample:
    """One proxy, one round: CPU microseconds a request, latency, memory, rate."""

    cpu: float
    p50: int  # microseconds, under full load
    p99: int
    memory: int  # bytes
    rate: float  # requests a second


# Column, then proxy, then one sample a round, in the order measured.
Samples = Mapping[str, Mapping[str, Sequence[Sample]]]


def cpu(samples: Sequence[Sample]) -> float:
    """The middle round's CPU microseconds a request."""
    return median(sample.cpu for sample in samples)


def ratio(samples: Sequence[Sample], base: Sequence[Sample]) -> float:
    """The middle of the rounds' ratios: neighbours in time, so drift cancels out."""
    return median(one.cpu / other.cpu for one, other in zip(samples, base, strict=True))


def compare(samples: Samples, base: str, proxies: Sequence[str], columns: Sequence[str]) -> Table:
    """A line a proxy: CPU and its ratio to ``base`` for every column, latency, memory."""
    head = ["proxy"]
    for column in columns:
        head += [f"{column}, µs", f"to {base}"]
    table = Table([*head, "p50, ms", "p99, ms", "MiB"], [])
    for proxy in proxies:
        taken = {column: samples[column].get(proxy) for column in columns}
        line = [proxy]
        for column, found in taken.items():
            line += _cells(found, samples[column].get(base))
        first = next((found for found in taken.values() if found), None)
        table.lines.append([*line, *(_extras(first) if first else ["", "", ""])])
    return table


def _cells(found: Sequence[Sample] | None, base: Sequence[Sample] | None) -> list[str]:
    if not found:
        return ["", ""]
    figure = cpu(found)
    return [
        f"{figure:.1f}" if figure < 100 else f"{figure:.0f}",
        f"{ratio(found, base):.2f}" if base else "",
    ]


def _extras(found: Sequence[Sample]) -> list[str]:
    return [
        f"{median(sample.p50 for sample in found) / 1000:.1f}",
        f"{median(sample.p99 for sample in found) / 1000:.1f}",
        f"{found[-1].memory / 2**20:.0f}",
    ]


@dataclass(frozen=True, slots=True)
class Table:
    """Text in cells; the first column is a name, the others are figures."""

    head: list[str]
    lines: list[list[str]]

    def plain(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.head, *self.lines, strict=True)]
        rows = [self.head, ["-" * width for width in widths], *self.lines]
        return "\n".join(
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
            for row in rows
        )

    def markdown(self) -> str:
        rule = ["---", *["---:"] * (len(self.head) - 1)]
        return "\n".join(f"| {' | '.join(row)} |" for row in [self.head, rule, *self.lines])


@dataclass(frozen=True, slots=True)
class Limit:
    """What the gateway promises: one figure at most so many times another."""

    column: str
    proxy: str
    base: str
    at_most: float

    def verdict(self, samples: Samples) -> tuple[bool, str] | None:
        """Whether it is kept, and a line that says so; None where it was not measured."""
        measured, base = samples[self.column].get(self.proxy), samples[self.column].get(self.base)
        if not measured or not base:
            return None
        found = ratio(measured, base)
        kept = found <= self.at_most
        word = "kept" if kept else "MISSED"
        text = f"{self.column}: {self.proxy} costs {found:.2f} times {self.base}"
        return kept, f"{text}, at most {self.at_most} ({word})"


def document(samples: Samples, about: Mapping[str, str]) -> dict[str, object]:
    """A run as JSON, for ``since`` to read later."""
    cells = {
        column: {proxy: [asdict(sample) for sample in found] for proxy, found in proxies.items()}
        for column, proxies in samples.items()
    }
    return {"about": dict(about), "samples": cells}


def since(now: Samples, earlier: Samples, base: str = "nginx") -> Table:
    """How the gateway stands to ``base`` in this run and in an earlier one.

    Machines drift between runs, so figures are set in relation within each run first.
    """
    table = Table([f"{GATEWAY} to {base}", "earlier", "now", "change"], [])
    for column in now:
        runs = [(run[column].get(GATEWAY), run[column].get(base)) for run in (earlier, now)]
        if all(own and other for own, other in runs):
            then, today = (ratio(own or (), other or ()) for own, other in runs)
            change = f"{today / then:.2f}"
            table.lines.append([column, f"{then:.2f}", f"{today:.2f}", change])
    return table


def read_samples(document: Mapping[str, object]) -> Samples:
    """What ``document`` wrote."""
    cells = document["samples"]
    if not isinstance(cells, dict):
        raise TypeError("samples: not a mapping")
    return {
        column: {proxy: [Sample(**one) for one in found] for proxy, found in proxies.items()}
        for column, proxies in cells.items()
    }
