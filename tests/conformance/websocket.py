"""Three WebSocket peers of other people's, straight to an echo server and through both proxies."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.conformance import clients, frames
from tests.conformance.clients import Bulk
from tests.conformance.stage import staged

GIGABYTE = 1 << 30
CLIENT = Path(__file__).parent / "client.cjs"
Verdicts = Mapping[str, str]


def run(folder: Path) -> tuple[Mapping[str, Mapping[str, Verdicts]], Mapping[str, Bulk]]:
    """Verdicts by peer and way, and a gigabyte of frames by way."""
    modules = _install(folder)
    peers: dict[str, Callable[[int, str], Verdicts]] = {
        "wsproto": frames.verdicts,
        "websockets": clients.verdicts,
    }
    if modules is not None:
        peers["ws"] = lambda port, base: _ws(port, base, modules)
    with staged(folder, "tests.conformance.echo") as stage:
        ways = {
            name: (port, "/ws" if name == "nginx" else "") for name, port in stage.ports.items()
        }
        found = {
            peer: {name: ask(*way) for name, way in ways.items()} for peer, ask in peers.items()
        }
        return found, {name: clients.bulk(*way, GIGABYTE) for name, way in ways.items()}


def _install(folder: Path) -> Path | None:
    if shutil.which("npm") is None or shutil.which("node") is None:
        return None
    place = folder / "npm"
    place.mkdir()
    subprocess.run(
        ["npm", "install", "--silent", "--prefix", str(place), "ws"],
        cwd=place,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return place / "node_modules"


def _ws(port: int, base: str, modules: Path) -> Verdicts:
    ran = subprocess.run(
        ["node", str(CLIENT), str(port), base],
        env={**os.environ, "NODE_PATH": str(modules)},
        capture_output=True,
        timeout=300,
        check=True,
    )
    found: Verdicts = json.loads(ran.stdout)
    return found
