"""``python -m tests.fuzz [NAME...]``: each harness under atheris, guided by coverage.

Where one fails, its input is written to the working directory as ``crash-...``: mend it, and keep
the input in ``tests/fuzz/corpus``. Exit status 1 where any has failed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.harness import HARNESSES

CORPUS = Path(__file__).parent / "corpus"


def main() -> int:
    """The exit status."""
    reader = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    reader.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(HARNESSES)}")
    reader.add_argument("--seconds", type=int, default=60, help="for each harness")
    reader.add_argument("--runs", type=int, default=-1, help="at most, for each harness")
    given = reader.parse_args()
    failed = [name for name in given.names or HARNESSES if _run(name, given.seconds, given.runs)]
    if failed:
        sys.stderr.write(f"failed: {', '.join(failed)}\n")
    return bool(failed)


def _run(name: str, seconds: int, runs: int) -> int:
    """One harness in a process of its own, since libFuzzer ends its process."""
    sys.stderr.write(f"{name}\n")
    with tempfile.TemporaryDirectory() as found:  # what is new goes there, and not to the corpus
        limits = [f"-max_total_time={seconds}", f"-runs={runs}", "-max_len=4096", "-timeout=20"]
        quiet = ["-print_final_stats=1", "-verbosity=0"]
        own = [sys.executable, "-m", "tests.fuzz.under_atheris", name]
        command = [*own, *limits, *quiet, found, str(CORPUS / name)]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
