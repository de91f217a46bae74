"""The harnesses on the corpus that is kept, on pieces of it put together anew, and on any bytes."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.harness import HARNESSES
from tests.support.flags import flag
from tests.support.wireless import World

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent / "corpus"
SEEDS = sorted(path for path in CORPUS.glob("*/*"))


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"{seed.parent.name}-{seed.name}")
def test_what_was_found_once_is_not_found_again(seed: Path) -> None:
    HARNESSES[seed.parent.name](seed.read_bytes())


@st.composite
def mutants(draw: st.DrawFn, name: str) -> bytes:
    """Two seeds joined somewhere, with some bytes of one put in, taken out or said twice."""
    kept = [seed.read_bytes() for seed in SEEDS if seed.parent.name == name]
    first, other = draw(st.sampled_from(kept)), draw(st.sampled_from(kept))
    data = first[: draw(st.integers(0, len(first)))] + other[draw(st.integers(0, len(other))) :]
    for _ in range(draw(st.integers(0, 3))):
        at, to = draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))
        data = data[:at] + draw(st.binary(max_size=3)) + data[to:]
    return data[:4096]


@pytest.mark.parametrize("name", HARNESSES)
def test_nothing_escapes_a_room_whatever_comes(name: str) -> None:
    @settings(
        max_examples=40,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(mutants(name) | st.binary(max_size=60))
    def run(data: bytes) -> None:
        HARNESSES[name](data)

    run()


async def test_a_fuzzed_gateway_is_one_that_serves() -> None:
    """Otherwise nothing could be found in it."""
    world = World(flag("held", "/held"))
    first, second = (
        b"%b HTTP/1.1\r\nHost: a.test\r\n\r\n" % line for line in (b"GET /", b"GET /held")
    )
    sent = world.feed([first + second + first])

    assert re.findall(rb"HTTP/1\.1 ([0-9]+)", sent) == [b"200", b"503", b"200"]
    assert [request[:10] for request in world.whole] == [b"GET / HTTP"] * 2
    assert world.answered


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed: make fuzz")
def test_atheris_runs_a_harness() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "chunks", "--runs", "500"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)

    assert ran.returncode == 0, ran.stderr[-2000:]
    assert re.search(r"number_of_executed_units: +500\b", ran.stderr)
