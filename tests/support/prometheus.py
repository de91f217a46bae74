"""A real Prometheus on a free port, with the rules of deploy/prometheus, scraping some gateways."""

from __future__ import annotations

import json
import os
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.ports import free_port
from tests.support.servers import Program

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
MISSING = "no {} here; tests/install-servers.sh fetches it (package prometheus)"
EVERY = "250ms"


def program(name: str) -> str:
    """``prometheus`` or ``promtool``; skips the test where there is none."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    kept = cache / "maintenance-gateway" / "prometheus" / "usr" / "bin" / name
    found = shutil.which(name) or shutil.which(str(kept))
    if found is None:
        pytest.skip(MISSING.format(name))
    return found


class Prometheus:
    """With the documented settings, but for the targets and how often they are asked."""

    def __init__(self, folder: Path, targets: Sequence[str]) -> None:
        self.port = free_port()
        folder.mkdir()
        shutil.copy(FOLDER / "alerts.yaml", folder)
        settings = yaml.safe_load((FOLDER / "prometheus.yml").read_text("utf-8"))
        settings["global"] = {"scrape_interval": EVERY, "evaluation_interval": EVERY}
        settings["scrape_configs"][0]["static_configs"] = [{"targets": list(targets)}]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
        self.server = Program(
            "prometheus",
            [
                program("prometheus"),
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            log=folder / "prometheus.log",
            ports=[self.port],
            cwd=folder,
        )

    def ready(self) -> bool:
        """Whether it has read what it had stored, and answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=60):
                return True
        except urllib.error.HTTPError as error:
            error.close()
            return False

    def ask(self, path: str, **parameters: str) -> Any:
        """``data`` of an answer of its HTTP API; fails with Prometheus' own words."""
        query = urllib.parse.urlencode(parameters)
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{query}"
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{query}: {error.read().decode()}") from None

    def value(self, expression: str) -> float | None:
        """Of an expression that has one sample, now; None where it has none."""
        found = self.ask("query", query=expression)["result"]
        return float(found[0]["value"][1]) if found else None

    def alerts(self) -> dict[str, str]:
        """By name, ``pending`` or ``firing``."""
        found = self.ask("alerts")["alerts"]
        return {each["labels"]["alertname"]: each["state"] for each in found}
