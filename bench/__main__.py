"""CPU microseconds a request of the proxy process, the gateway beside its peers.

``python -m bench`` (or ``make bench``, which installs the peers first). Read the ratios:
machines drift between runs, and all of one run drift together.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import gateways, peers
from bench.load import Load
from bench.process import BenchError
from bench.suite import BEFORE, OWN_PAGE, Suite
from bench.table import (
    BROWSER,
    COLUMNS,
    FORWARD,
    GATEWAY,
    REFUSE,
    Limit,
    Samples,
    Table,
    compare,
    document,
    read_samples,
    since,
)

HERE = Path(__file__).resolve().parent.parent
LIMITS = (
    Limit(FORWARD, GATEWAY, "nginx", 1.5),
    Limit(BROWSER, GATEWAY, "nginx", 1.5),
    Limit(REFUSE, GATEWAY, "nginx", 1.5),
    *(
        Limit(column, many, one, 1.1)
        for column in (FORWARD, BROWSER)
        for one, many in gateways.KINDS.items()
    ),
    *(Limit(column, GATEWAY, BEFORE, 1.05) for column in COLUMNS),
)


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(arguments)
    # A polite end from outside takes the same way out as Ctrl-C: every child is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        samples = _measure(options)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    kept = _report(options, samples)
    return 0 if kept or not options.check else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=5, help="how often each proxy has its turn")
    add("--seconds", type=int, default=2, help="how long one turn is")
    add("--quick", action="store_true", help="one round of one second")
    add("--connections", type=int, default=32, help="kept connections of the load")
    add("--peers", default=",".join(peers.PEERS), help="which peers, by comma (default: all)")
    add("--no-flags", action="store_true", help="leave out the runs with 1,000 flags")
    add("--access-log", action="store_true", help="with an access log too, and nginx with one")
    add("--no-gateway", action="store_true", help="the peers alone")
    add("--against", type=Path, metavar="CHECKOUT", help="another checkout, in the same run")
    add("--markdown", action="store_true", help="print tables for a README")
    add("--json", type=Path, metavar="FILE", help="write every sample to FILE")
    add("--baseline", type=Path, metavar="FILE", help="compare with an earlier --json")
    add("--check", action="store_true", help="exit status 1 if a limit is missed")
    return parser


def _measure(options: argparse.Namespace) -> Samples:
    names = [name for name in options.peers.split(",") if name]
    if unknown := set(names) - set(peers.PEERS):
        raise BenchError(
            f"no such peer: {', '.join(sorted(unknown))} (of {', '.join(peers.PEERS)})"
        )
    missing = peers.missing_programs()
    for needed in ("wrk", "nginx"):  # the load and the app
        if needed in missing:
            raise BenchError(f"{missing[needed]}: run bench/install-peers.sh")
    proxy_cores, other_cores = _cores()
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary, ExitStack() as stack:
        folder = Path(temporary)
        suite = Suite(folder, stack, proxy_cores, other_cores)
        suite.start_app()
        for name in names:
            if name in missing:
                _say(f"left out: {missing[name]}")
            else:
                suite.add_peer(name)
        if not options.no_gateway:
            _add_gateways(suite, options)
        load = Load(options.connections, frozenset(other_cores), folder)
        rounds, seconds = (1, 1) if options.quick else (options.rounds, options.seconds)
        return suite.run(load, rounds=rounds, seconds=seconds, say=_say)


def _add_gateways(suite: Suite, options: argparse.Namespace) -> None:
    suite.add_own_gateway(HERE)
    if options.against:
        suite.add_own_gateway(options.against.resolve(), name=BEFORE)
    suite.add_gateway(OWN_PAGE, gateways.refusing(None), (REFUSE,), HERE)
    if options.access_log:
        suite.add_logging(HERE)
    if not options.no_flags:
        suite.add_flags(HERE)


def _cores() -> tuple[set[int], set[int]]:
    """One core for the proxy; another for the app and the load, which both can share."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) == 1:
        _say("one core alone: the proxy shares it with the app and the load")
    return {cores[-1]}, {cores[0]}


def _report(options: argparse.Namespace, samples: Samples) -> bool:
    """Print the tables; whether every limit that was measured is kept."""
    show = Table.markdown if options.markdown else Table.plain
    flags = [row for pair in gateways.KINDS.items() for row in pair if row in samples[FORWARD]]
    proxies = dict.fromkeys(name for column in COLUMNS for name in samples[column])
    beside = [name for name in proxies if name not in flags]
    base = "nginx" if "nginx" in beside else beside[0]
    print(f"\nCPU of the proxy process a request, {_about()}\n")
    print(show(compare(samples, base, beside, COLUMNS)))
    if flags:
        table = compare(samples, GATEWAY, [GATEWAY, *flags], (FORWARD, BROWSER))
        print(f"\n{show(table)}")
    if options.baseline:
        earlier = read_samples(json.loads(options.baseline.read_text()))
        print(f"\n{show(since(samples, earlier))}")
    if options.json:
        about = {"machine": _about(), "connections": str(options.connections)}
        options.json.write_text(json.dumps(document(samples, about), indent=1) + "\n")
    verdicts = [verdict for limit in LIMITS if (verdict := limit.verdict(samples))]
    print()
    for _, text in verdicts:
        print(text)
    return all(kept for kept, _ in verdicts)


def _about() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python " + (
        platform.python_version()
    )


def _say(text: str) -> None:
    """Progress: on one line at a terminal, so that the tables stay in sight."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif not text.startswith("round"):
        print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
