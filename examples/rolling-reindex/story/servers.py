"""All that runs: the app, a Redis, three gateways that share it, and the balancer before them."""

from __future__ import annotations

import json
import shutil
import sys
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from story.process import Process, StoryError, free_ports, wait_until

HERE = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
REPLICAS = {"replica1": 1, "replica2": 2, "replica3": 1}  # their workers
NEEDED = {"redis-server": "redis-server", "haproxy": "haproxy"}  # programs, and Debian's packages


class Servers:
    """They run while the ``with`` block does, with everything that they write in ``folder``."""

    def __init__(self, folder: Path, *, users: int, broken: str) -> None:
        self.data = folder / "data"  # the app's
        self._folder = folder
        self._users, self._broken = users, broken
        ports = free_ports(3 + 2 * len(REPLICAS))
        self._app, self._redis, self._balancer, *rest = ports
        self._public = dict(zip(REPLICAS, rest, strict=False))
        self._control = dict(zip(REPLICAS, rest[len(REPLICAS) :], strict=True))
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """Where visitors come in."""
        return f"http://127.0.0.1:{self._balancer}"

    @property
    def control_url(self) -> str:
        """The control API of one replica: any of them is as good."""
        return f"http://127.0.0.1:{self._control['replica2']}"

    @property
    def app_env(self) -> dict[str, str]:
        """What the app and its scripts find in their environment."""
        return {"NOTES_DATA": str(self.data)}

    def ask(self, path: str) -> Any:
        """One call of the control API. Raises ``StoryError``."""
        try:
            with urllib.request.urlopen(f"{self.control_url}{path}", timeout=30) as answer:  # noqa: S310 ours
                return json.load(answer)
        except OSError as error:
            raise StoryError(f"the control API: {error}") from error

    def audit(self) -> list[Any]:
        """Every entry, the newest first."""
        entries: list[Any] = []
        page = self.ask("/api/v1/audit?limit=1000")["entries"]
        while page:
            entries += page
            page = self.ask(f"/api/v1/audit?limit=1000&before={page[-1]['id']}")["entries"]
        return entries

    def __enter__(self) -> Self:
        _check_installed()
        with ExitStack() as stack:
            stack.enter_context(self._start_redis())
            gateways = [stack.enter_context(self._start_gateway(name)) for name in REPLICAS]
            self._fill()
            app = stack.enter_context(self._start_app())
            balancer = stack.enter_context(self._start_balancer())
            for process in (balancer, *gateways, app):
                process.wait_ready()
                stack.callback(process.terminate)  # all are asked before one is waited for
            wait_until(self._complete, "all workers of all replicas are members")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def _fill(self) -> None:
        words = ("fill", str(self._users), "--broken", self._broken)
        command, log = [sys.executable, "manage.py", *words], self._folder / "fill.log"
        with Process(command, log=log, env=self.app_env, cwd=HERE) as filling:
            if filling.wait(300):
                raise StoryError(f"manage.py fill failed:\n{filling.said()}")

    def _start_app(self) -> Process:
        bind = f"127.0.0.1:{self._app}"
        command = [str(BIN / "gunicorn"), "--bind", bind]
        return self._start("app", command, self._app, self.app_env)

    def _start_redis(self) -> Process:
        folder = self._folder / "redis"
        folder.mkdir()
        listen = ("--bind", "127.0.0.1", "--port", str(self._redis), "--dir", str(folder))
        # As docs/stores.md advises: no answered write is lost.
        durable = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
        redis = self._start("redis", ["redis-server", *listen, *durable], self._redis, {})
        redis.wait_ready()
        return redis

    def _start_gateway(self, name: str) -> Process:
        env = {
            "APP_PORT": str(self._app),
            "REDIS_PORT": str(self._redis),
            "LISTEN_PORT": str(self._public[name]),
            "CONTROL_PORT": str(self._control[name]),
            "WORKERS": str(REPLICAS[name]),
        }
        command = [str(BIN / "gateway"), "serve", "-c", "gateway.yaml"]
        return self._start(name, command, self._public[name], env)

    def _start_balancer(self) -> Process:
        replicas = {f"{name.upper()}_PORT": str(port) for name, port in self._public.items()}
        env = {"LISTEN_PORT": str(self._balancer), **replicas}
        haproxy = ["haproxy", "-db", "-f", "haproxy.cfg"]
        return self._start("balancer", haproxy, self._balancer, env)

    def _start(self, name: str, command: list[str], port: int, env: Mapping[str, str]) -> Process:
        return Process(command, log=self._folder / f"{name}.log", port=port, env=env, cwd=HERE)

    def _complete(self) -> bool:
        try:
            return len(self.ask("/api/v1/status")["members"]) == sum(REPLICAS.values())
        except StoryError:
            return False


def _check_installed() -> None:
    missing = [package for name, package in NEEDED.items() if shutil.which(name) is None]
    if missing:
        raise StoryError(f"not installed: {', '.join(missing)}; apt-get install them, or the like")
