"""compose.yaml without an engine: each service's command and environment, as a local process.

What a network of containers gives is put in by hand, and nothing else is changed: names of services
become 127.0.0.1 with a free port, mounted paths become real ones.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.support.dockerfile import Instruction, last_stage, read_dockerfile
from tests.support.ports import free_port
from tests.support.servers import BIN, Program

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "compose"
TOKEN = "compose-tests-token"


def read_services() -> Mapping[str, Any]:
    """The services as the file has them."""
    document: Mapping[str, Mapping[str, Any]] = yaml.safe_load(
        (COMPOSE / "compose.yaml").read_text()
    )
    return document["services"]


class Compose:
    """The services of the file; ``ports`` are where each listens, on 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.services = read_services()
        self.ports = {name: free_port() for name in ("app:8000", "redis:6379")}
        shutil.copytree(COMPOSE / "config", folder / "config")
        self.secret = folder / "control_token"
        self.secret.write_text(f"{TOKEN}\n")

    @property
    def config(self) -> Path:
        return self.folder / "config" / "config.yaml"

    def program(self, service: str, name: str, **moved: int) -> Program:
        """The service as it is started; ``moved`` are ports that it listens on here instead.

        ``public`` and ``control`` of a gateway; ``port`` of anything else.
        """
        command, environ = self.started(service)
        where = self.folder / name
        where.mkdir()
        if service == "gateway":
            # Its own file, as two on one machine cannot have one control address.
            config = where / "config.yaml"
            config.write_text(self.here(self.config.read_text(), moved["control"]))
            environ |= {"GATEWAY_CONFIG": str(config), "PORT": str(moved["public"])}
        if service == "redis":
            command += ["--port", str(moved["port"]), "--bind", "127.0.0.1"]
        if service == "app":
            command[command.index("--port") + 1] = str(moved["port"])
        log = self.folder / f"{name}.log"
        ports = list(moved.values())
        return Program(name, command, log=log, ports=ports, env=environ, cwd=where)

    def started(self, service: str, *words: str) -> tuple[list[str], dict[str, str]]:
        """Command (with ``words`` in the place of its own) and environment, for this machine."""
        said = self.services[service]
        environ = {key: self.here(text) for key, text in said.get("environment", {}).items()}
        entry, command = said.get("entrypoint"), list(words) or said.get("command")
        if said["image"] == "gateway":
            entry = entry or _of_image("ENTRYPOINT")
            command = command or _of_image("CMD")
        whole = [*(entry or []), *(command or [])]
        if (BIN / whole[0]).exists():
            whole[0] = str(BIN / whole[0])
        return whole, environ

    def here(self, text: str, control: int = 9090) -> str:
        for name, port in self.ports.items():
            text = text.replace(name, f"127.0.0.1:{port}")
        text = text.replace("/run/secrets/control_token", str(self.secret))
        return text.replace("0.0.0.0:9090", f"127.0.0.1:{control}")

    def edit(self, config: Path, before: str, after: str) -> None:
        """As an editor does it: a new file in the old one's place."""
        text = config.read_text()
        assert before in text
        new = config.with_suffix(".new")
        new.write_text(text.replace(before, after))
        new.rename(config)


def _of_image(name: str) -> list[str]:
    (found,) = (each for each in last_stage(_image()) if each.name == name)
    return found.words


def _image() -> list[Instruction]:
    return read_dockerfile(ROOT / "Dockerfile")
