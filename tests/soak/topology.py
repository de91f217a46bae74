"""What is soaked: the app, one or several gateways in front of it, and a Redis for several.

``/feature`` is in the scope of a flag of everybody's, ``/people`` in that of a per-user flag, and
``/free`` in that of none.
"""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.soak.judge import Request, Scope
from tests.support.gateway_process import GatewayProcess
from tests.support.ports import free_port
from tests.support.redis_server import RedisServer
from tests.support.servers import BIN, Program, wait_until
from tests.support.workers import children, listening

ROOT = Path(__file__).parents[2]
FEATURE, PEOPLE = Scope("feature", "feature"), Scope("people", "people", per_user=True)
SCOPES = (FEATURE, PEOPLE)
CONTROL_GROUP = "free"
USERS = 12
# Nothing that the app does takes as long as orphans count: 1 s for a body and 0.3 s of work, and
# 2 s for a WebSocket that has fallen silent, as one through a frozen gateway does.
DRAIN = "drain: {grace: 1s, orphans: 3s}\n"


@dataclass(frozen=True, slots=True)
class Topology:
    """``workers`` of each gateway; several gateways share a Redis. ``strict`` are the flags."""

    name: str
    workers: tuple[int, ...]
    strict: bool = False

    @property
    def replicated(self) -> bool:
        return len(self.workers) > 1


ONE = Topology("one worker", (1,))
FOUR = Topology("four workers", (4,))
FOUR_STRICT = Topology("four workers", (4,), strict=True)
REPLICAS = Topology("three replicas", (1, 2, 1), strict=True)


class Gateway(GatewayProcess):
    """One gateway, in a store of its own or in one that it shares."""

    def __init__(
        self, folder: Path, upstream: str, workers: int, *, strict: bool, store: str | None
    ) -> None:
        self.workers = workers
        self._shared = store
        yes = "true" if strict else "false"
        flags = (
            "flags:\n"
            f"  feature: {{paths: [/feature], strict: {yes}}}\n"
            f"  people: {{paths: [/people], user: {{cookie: uid}}, strict: {yes}}}\n"
        )
        super().__init__(folder, upstream, flags, extra=f"workers: {workers}\n{DRAIN}")

    def config_text(self, flags: str) -> str:
        text = super().config_text(flags)
        own = f"store: sqlite:{self.folder}/gateway.db\n"
        return text if self._shared is None else text.replace(own, f"store: {self._shared}\n")

    def processes(self) -> list[int]:
        """Those that serve: workers, or the one process there is."""
        pid = self.program.pid
        return [pid] if self.workers == 1 else sorted(children(pid))

    def all_listen(self) -> bool:
        serving = [pid for pid in self.processes() if listening(pid, self.port)]
        return len(serving) >= self.workers

    def signal(self, number: signal.Signals) -> None:
        """To the gateway with all its workers, as a machine's pause would be."""
        os.killpg(self.program.pid, number)


class Site:
    """All of it, for a ``with`` block."""

    def __init__(self, topology: Topology, folder: Path) -> None:
        self.topology = topology
        self.folder = folder
        self.windows = folder / "windows"
        self.guard_log = folder / "guards.log"
        self.redis: RedisServer | None = None
        self.gateways: list[Gateway] = []
        self.entrances: list[Gateway] = []  # those whose control API is called
        self._app_port = free_port()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            stack.enter_context(self._app())
            store = None
            if self.topology.replicated:
                self.redis = RedisServer(self.folder / "redis")
                self.redis.start()
                stack.callback(self.redis.kill)
                store = self.redis.url
            upstream = f"http://127.0.0.1:{self._app_port}"
            for number, workers in enumerate(self.topology.workers):
                own, strict = self.folder / f"gateway{number}", self.topology.strict
                gateway = Gateway(own, upstream, workers, strict=strict, store=store)
                self.gateways.append(stack.enter_context(gateway))
            for gateway in self.gateways:
                wait_until(gateway.all_listen, "all workers listen")
            self.entrances = list(self.gateways)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _app(self) -> Program:
        command = [str(BIN / "python"), "-m", "tests.soak.app", str(self._app_port)]
        log = self.folder / "app.log"
        return Program("app", command, log=log, ports=[self._app_port], cwd=ROOT)

    def count(self) -> int:
        """How many requests in the scope of a flag the app has had."""
        counts = self._ask("count")["requests"]
        return sum(counts.get(scope.path, 0) for scope in SCOPES)

    def idle(self) -> bool:
        """Whether the app has nothing left to do."""
        return not self._ask("count")["under_way"]

    def requests(self) -> list[Request]:
        """All that the app has had. What is still under way has no end."""
        records: Sequence[Sequence[Any]] = self._ask("records")
        return [Request(*(record if record[5] is not None else record[:5])) for record in records]

    def _ask(self, what: str) -> Any:
        where = f"http://127.0.0.1:{self._app_port}/-/{what}"
        with urllib.request.urlopen(where, timeout=20) as answer:
            return json.load(answer)

    def log_tail(self) -> str:
        return "\n".join(f"{each.folder.name}:\n{each.log_tail()}" for each in self.gateways)

    def tracebacks(self) -> list[str]:
        """The logs that tell of a bug, of a gateway's or of the app's."""
        logs = [self.folder / "app.log", *(gateway.program.log for gateway in self.gateways)]
        return [str(log) for log in logs if "Traceback" in log.read_text(errors="replace")]
