"""``python -m tests.conformance``: all parts, or those named; tables in Markdown, 1 where it fails.

What must be is that nothing differs from asking straight; how nginx fares is for comparison.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bench.table import Table
from tests.conformance import flipping, scripts, slow, suites, targets, websocket

Part = tuple[list[Table], list[str]]  # what was measured, and what is wrong with it


def of_suites(folder: Path) -> Part:
    """The same outcomes straight and through."""
    compared = suites.run(folder)
    head = ["suite", "tests", "pass straight", "pass through", "differ"]
    wrong = [f"{each.name}: {one}" for each in compared for one in each.different]
    return [Table(head, [each.row() for each in compared])], wrong


def of_websocket(folder: Path) -> Part:
    """The same verdicts straight and through, and a gigabyte that comes back as it was."""
    verdicts, bulk = websocket.run(folder)
    lines, wrong = [], []
    for peer, ways in verdicts.items():
        differ = {name: _different(ways["straight"], ways[name]) for name in ("gateway", "nginx")}
        lines.append([peer, str(len(ways["straight"])), *(str(len(d)) for d in differ.values())])
        wrong += [f"{peer}: {case}" for case in differ["gateway"]]
    peers = Table(["client", "cases", "differ through the gateway", "through nginx"], lines)
    rates = [f"{each.size / 2**20 / each.seconds:.0f}" for each in bulk.values()]
    same = ["yes" if each.same else "no" for each in bulk.values()]
    wrong += [] if bulk["gateway"].same else ["a gigabyte of frames is not what it was"]
    frames = Table(["1 GiB of frames, echoed", *bulk], [["MiB/s", *rates], ["as sent", *same]])
    return [peers, frames], wrong


def _different(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    return [case for case in one if one[case] != other.get(case)]


def of_scripts(folder: Path) -> Part:
    """Every script passes."""
    found = scripts.run(folder)
    lines = [[name, ways["gateway"], ways["nginx"]] for name, ways in found.items()]
    wrong = [name for name, ways in found.items() if ways["gateway"] != "passes"]
    return [Table(["varnishtest script", "gateway", "nginx"], lines)], wrong


def of_targets(folder: Path) -> Part:
    """Byte for byte, but for the absolute form; or refused."""
    found = targets.run(folder)
    lines, wrong = [], []
    for name in ("gateway", "nginx"):
        became = Counter(_became(ways["straight"], ways[name]) for ways in found.values())
        lines.append([name, *(str(became[kind]) for kind in ("as sent", "origin form", "refused"))])
        lines[-1].append(str(became["other"]))
    wrong = [
        f"{target}: {ways['gateway']}"
        for target, ways in found.items()
        if _became(ways["straight"], ways["gateway"]) == "other"
    ]
    head = [f"curl's {len(found)} targets", "as sent", "origin form", "refused", "other"]
    return [Table(head, lines)], wrong


def _became(straight: str, through: str) -> str:
    if through == straight:
        return "as sent"
    if through in {"400", "404"}:
        return "refused"
    rest = straight.removeprefix("http://a.test") or "/"
    return "origin form" if through == rest else "other"


def of_slow(folder: Path) -> Part:
    """Slow clients are let go of in time, and nobody else fails for them."""
    head = ["slowhttptest", "proxy", "connected", "left", "all gone after, s", "others' p99, ms"]
    lines, wrong = [], []
    for attack, proxies in slow.run(folder).items():
        for name, one in proxies.items():
            clear = "-" if one.clear is None else str(one.clear)
            figures = [str(one.most), str(one.left), clear, f"{one.others.p99():.0f}"]
            lines.append([attack, name, *figures, str(one.others.failed)])
        wrong += [f"{attack}: others failed"] if proxies["gateway"].others.failed else []
    return [Table([*head, "others failed"], lines)], wrong


def of_flipping(folder: Path) -> Part:
    """Nothing but 200 and 503, and no connection breaks."""
    head = ["h2load --h1", "flips", "200", "503", "other", "errors"]
    found = flipping.run(folder)
    lines = [
        [name, *map(str, (one.flips, one.served, one.held, one.other, one.errors))]
        for name, one in found.items()
    ]
    gateway = found["gateway"]
    wrong = ["other answers, or errors, during flips"] if gateway.other + gateway.errors else []
    wrong += [] if gateway.served and gateway.held else ["the flips were not seen"]
    return [Table(head, lines)], wrong


PARTS: Mapping[str, tuple[Sequence[str], Callable[[Path], Part]]] = {
    "suites": ((), of_suites),
    "websocket": (("nginx",), of_websocket),
    "scripts": (("varnishtest", "nginx"), of_scripts),
    "targets": (("curl", "nginx"), of_targets),
    "flipping": (("h2load", "nginx"), of_flipping),
    "slow": (("slowhttptest", "nginx"), of_slow),
}


def main() -> int:
    """The exit status."""
    reader = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    reader.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PARTS)}")
    reader.add_argument("--keep", action="store_true", help="keep logs and what was downloaded")
    given = reader.parse_args()
    if unknown := set(given.names) - set(PARTS):
        reader.error(f"unknown: {', '.join(sorted(unknown))}")
    folder = Path(tempfile.mkdtemp(prefix="conformance-"))
    wrong = [line for name in given.names or PARTS for line in _run(name, folder / name)]
    if given.keep:
        _say(f"kept in {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return int(bool(wrong))


def _run(name: str, folder: Path) -> Iterator[str]:
    needs, part = PARTS[name]
    if missing := [program for program in needs if shutil.which(program) is None]:
        _say(f"SKIPPED: {name} needs {', '.join(missing)}\n")
        return
    folder.mkdir()
    tables, wrong = part(folder)
    for table in tables:
        _say(f"{table.markdown()}\n")
    for line in wrong:
        _say(f"FAILED: {name}: {line}")
        yield line


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
