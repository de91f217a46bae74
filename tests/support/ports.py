"""Ports of 127.0.0.1 for the servers of tests: none is given out twice, or to two processes.

A server that is started again finds its port as it has left it, however many tests run beside it:
each process of tests (xdist's) has a part of the range to itself, and goes through it in turn. The
range is below Linux's ephemeral one, so that no outgoing connection takes one of them, and below
those that ``gateway run`` takes for its apps.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import socket

FIRST, EACH, PARTS = 10_000, 2_000, 5


def _turns() -> itertools.cycle[int]:
    part = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % PARTS
    mine = range(FIRST + part * EACH, FIRST + (part + 1) * EACH)
    begin = random.randrange(EACH)  # two runs at once seldom come upon each other
    return itertools.cycle((*mine[begin:], *mine[:begin]))


_TURNS = _turns()


def free_port() -> int:
    """The next one that nothing listens on."""
    while True:
        port = next(_TURNS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
