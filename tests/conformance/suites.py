"""The suites of httpbin, pytest-httpbin and requests: the same tests pass through the gateway.

Their sources come from PyPI into a temporary folder, with an environment of their own; each suite
runs twice, straight and through, and the outcome of each test is compared.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.servers import BIN

HERE = Path(__file__).parent
NEEDS = ("pytest<9", "pytest-httpbin", "httpbin", "requests[socks]", "trustme")
# Addresses outside this machine are waited for in vain, with or without a gateway; and one test is
# of what pytest-httpbin's own server prints of a client that never says a word, which ends at ours.
LEFT_OUT = "not connect_timeout and not total_timeout_connect and not handshake_timeout"
SUITES = {
    "httpbin": ("tests/test_httpbin.py",),
    "pytest-httpbin": ("tests",),
    "requests": ("tests",),
}
LONGEST = 900.0  # seconds of one suite


@dataclass(frozen=True, slots=True)
class Compared:
    """One suite: what became of each test, straight and through."""

    name: str
    straight: Mapping[str, str]
    through: Mapping[str, str]

    @property
    def different(self) -> list[str]:
        names = sorted({*self.straight, *self.through})
        return [
            f"{name}: {self.straight.get(name)} straight, {self.through.get(name)} through"
            for name in names
            if self.straight.get(name) != self.through.get(name)
        ]

    def row(self) -> list[str]:
        """Name, tests, passed straight, passed through, different."""
        passed = [
            str(sum(outcome == "call passed" for outcome in outcomes.values()))
            for outcomes in (self.straight, self.through)
        ]
        return [self.name, str(len(self.straight)), *passed, str(len(self.different))]


def run(folder: Path) -> list[Compared]:
    """All suites; what is downloaded goes to ``folder``."""
    python = _environment(folder)
    return [_compare(name, python, folder) for name in SUITES]


def _environment(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv/bin/python"
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", *NEEDS], check=True)
    for name in SUITES:
        # The same version as is installed, whose tests they are.
        version = subprocess.run(
            [python, "-c", f"import importlib.metadata as m; print(m.version('{name}'))"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        wanted = ["--no-deps", "--no-binary", ":all:", "--dest", folder / name]
        subprocess.run([*pip, "download", *wanted, f"{name}=={version}"], check=True)
        (source,) = (folder / name).glob("*.tar.gz")
        with tarfile.open(source) as archive:
            archive.extractall(folder / name, filter="data")
    return python


def _compare(name: str, python: Path, folder: Path) -> Compared:
    straight = _outcomes(name, python, folder, None)
    through = _outcomes(name, python, folder, f"{BIN / 'python'} -m gateway")
    return Compared(name, straight, through)


def _outcomes(name: str, python: Path, folder: Path, command: str | None) -> Mapping[str, str]:
    (source,) = (each for each in (folder / name).iterdir() if each.is_dir())
    told = folder / f"{name}-{'through' if command else 'straight'}"
    told.unlink(missing_ok=True)
    environ = {**os.environ, "PYTHONPATH": str(HERE), "OUTCOMES": str(told)}
    environ.pop("THROUGH_COMMAND", None)
    if command:
        environ["THROUGH_COMMAND"] = command
    with told.with_suffix(".log").open("wb") as log:
        subprocess.run(
            [python, "-m", "pytest", "-q", "-p", "through", "-k", LEFT_OUT, *SUITES[name]],
            cwd=source,
            env=environ,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=LONGEST,
            check=False,  # what fails straight fails through
        )
    lines = [line.split("\t") for line in told.read_text().splitlines()]
    many = Counter(node for node, _ in lines)
    return {node if many[node] == 1 else f"{node} {what}": what for node, what in lines}
