"""h2load over HTTP/1.1 while the site goes into maintenance and comes back, again and again."""

from __future__ import annotations

import re
import subprocess
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.stage import staged

SECONDS = 20
PERIOD = 0.5  # seconds between two flips
_COUNTS = re.compile(
    r"requests: (\d+) total.*?(\d+) done.*?(\d+) failed, (\d+) errored, (\d+) timeout"
)
_STATUSES = re.compile(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Requests answered with 200 and with 503, others, and connections that broke."""

    served: int
    held: int
    other: int
    errors: int
    flips: int


def run(folder: Path) -> Mapping[str, Loaded]:
    """By proxy, one after another."""
    with staged(folder) as stage:
        flips: Mapping[str, Callable[[bool], object]] = {
            "gateway": lambda on: stage.gateway.flip("site", enabled=on),
            "nginx": lambda on: stage.nginx.flip(on=on),
        }
        return {name: _load(port, flips[name]) for name, port in stage.proxies.items()}


def _load(port: int, flip: Callable[[bool], object]) -> Loaded:
    over, flips = threading.Event(), 0

    def go_on() -> None:
        nonlocal flips
        while not over.wait(PERIOD):
            flips += 1
            flip(flips % 2 == 1)
        flip(False)  # noqa: FBT003 what it is turned to

    flipping = threading.Thread(target=go_on)
    flipping.start()
    try:
        ran = subprocess.run(
            ["h2load", "--h1", "-c", "32", "-D", str(SECONDS), f"http://127.0.0.1:{port}/"],
            capture_output=True,
            text=True,
            timeout=SECONDS + 60,
            check=True,
        )
    finally:
        over.set()
        flipping.join()
    return _read(ran.stdout, flips)


def _read(said: str, flips: int) -> Loaded:
    counts, statuses = _COUNTS.search(said), _STATUSES.search(said)
    assert counts is not None, said
    assert statuses is not None, said
    served, third, fourth, held = map(int, statuses.groups())
    return Loaded(served, held, third + fourth, int(counts[4]) + int(counts[5]), flips)
