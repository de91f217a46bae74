"""varnishtest's scripts in ``vtc/``: its client at the proxy, its server as the app."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.conformance.stage import staged

SCRIPTS = sorted((Path(__file__).parent / "vtc").glob("*.vtc"))


def run(folder: Path) -> Mapping[str, Mapping[str, str]]:
    """For each script, what came of it by proxy."""
    with staged(folder, None) as stage:
        return {
            script.stem: {
                name: _passes(script, stage.app, port, folder)
                for name, port in stage.proxies.items()
            }
            for script in SCRIPTS
        }


def _passes(script: Path, app: int, port: int, folder: Path) -> str:
    defined = ["-D", f"app=127.0.0.1:{app}", "-D", f"proxy=127.0.0.1:{port}"]
    ran = subprocess.run(
        ["varnishtest", "-t", "15", *defined, str(script)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    log = folder / f"{script.stem}-{port}.log"
    log.write_text(ran.stdout + ran.stderr)
    return "passes" if ran.returncode == 0 else "fails"
