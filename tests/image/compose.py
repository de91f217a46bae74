"""deploy/compose as its page starts it: by Docker Compose, or else by podman-compose."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from tests.image.engine import Engine
from tests.support.ports import free_port
from tests.support.servers import wait_until

COMPOSE = Path(__file__).parents[2] / "deploy" / "compose"
# What podman-compose 1.6 on Podman 4.3 does not know, or needs more rights for.
UNKNOWN = re.compile(r"^ +(?:start_interval|ulimits|build):.*\n", re.MULTILINE)


class Site:
    """The services of a copy of the folder, with a token and ports of their own."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder / "compose"
        shutil.copytree(COMPOSE, self._folder, ignore=shutil.ignore_patterns("secrets"))
        (self._folder / "secrets").mkdir(mode=0o700)
        (self._folder / "secrets" / "control_token").write_text("replay-token\n")
        self.port = free_port()
        ports = {"PUBLIC_PORTS": str(self.port), "CONTROL_PORTS": str(free_port())}
        self._environ = {**os.environ, **engine.environ, **ports}
        self._program = ["docker", "compose"]
        if not engine.is_docker:
            self._program = [str(Path(sys.executable).parent / "podman-compose")]
            file = self._folder / "compose.yaml"
            file.write_text(UNKNOWN.sub("", file.read_text()))

    def __call__(self, *words: str) -> str:
        done = subprocess.run(
            [*self._program, *words],
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def end(self) -> None:
        """Down, whatever state it is in; twice, as what restarts at that moment comes back."""
        for _ in range(2):
            subprocess.run(
                [*self._program, "down", "--volumes"],
                cwd=self._folder,
                env=self._environ,
                capture_output=True,
                timeout=300,
                check=False,
            )

    def flip(self, *words: str) -> None:
        """`docker compose exec gateway gateway WORDS`."""
        self("exec", "-T", "gateway", "gateway", *words)

    def guarded(self, *command: str) -> str:
        """`docker compose run --rm tasks guard search -- COMMAND`.

        Podman 4.3's name server drops questions while a container joins its network: of 16 guards
        one did not find Redis by its name in time, and refused. So it is asked three times there.
        """
        words = ("--profile", "tasks", "run", "--rm", "-T", "tasks", "guard", "search", "--")
        for _ in range(0 if self._engine.is_docker else 2):
            with suppress(AssertionError):
                return self(*words, *command)
        return self(*words, *command)

    def edit(self, before: str, after: str) -> None:
        """`sed -i` on the mounted folder's file: a new one in its place."""
        config = self._folder / "config" / "config.yaml"
        new = config.with_suffix(".new")
        new.write_text(config.read_text().replace(before, after))
        new.rename(config)

    def answers(self, status: int, path: str = "/") -> None:
        wait_until(lambda: self._status(path) == status, f"{path} answers {status}", within=120)

    def healthy(self, service: str) -> bool:
        """By the health check that the service has, run as the engine would."""
        (name,) = self._engine(
            "ps", "--filter", f"name=shop[-_]{service}[-_]1", "--format", "{{.Names}}"
        ).split()
        form, *words = self._engine.inspect(name)["Config"]["Healthcheck"]["Test"]
        command = ["sh", "-c", *words] if form == "CMD-SHELL" else words
        return self._engine.status("exec", name, *command)[0] == 0

    def _status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as said:
                return int(said.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0


def the_page(engine: Engine, folder: Path) -> None:
    """What deploy/compose/README.md does, line by line."""
    site = Site(engine, folder)
    try:
        site("up", "-d")
        site.answers(200)
        for service in ("gateway", "app", "redis"):
            wait_until(lambda service=service: site.healthy(service), f"{service} is well")
        site.flip("on", "site", "--reason", "moving the database")
        site.answers(503)
        site.flip("off", "site")
        site.answers(200)
        said = site.guarded("sh", "-c", "echo rebuilding")
        assert "drained" in said, said
        assert "rebuilding" in said, said
        site.edit("site: {}", "site: {enabled: true}")
        site.answers(503)
        site.edit("site: {enabled: true}", "site: {}")
        site.answers(200)
        site.flip("on", "search")
        site("down")
        site("up", "-d")
        site.answers(503, "/search")
    finally:
        site.end()
