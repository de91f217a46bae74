"""One harness, as libFuzzer wants it: ``python -m tests.fuzz.under_atheris NAME OPTION...``."""

from __future__ import annotations

import logging
import sys

import atheris

with atheris.instrument_imports(include=["gateway"]):
    from tests.fuzz.harness import HARNESSES


def main() -> None:
    name, *options = sys.argv[1:]
    logging.disable()
    atheris.Setup([sys.argv[0], *options], HARNESSES[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
