"""Gateways to guard: one of several workers, or replicas of one each, on one store."""

from __future__ import annotations

import json
import shutil
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, Self

from bench.process import READY_SECONDS, BenchError, Process, free_port

HERE = Path(__file__).resolve().parent.parent
FLAG = "reindex"  # per-user: the one that is guarded and drained
SWITCH = "site"  # the one that is flipped


@dataclass(frozen=True, slots=True)
class Shape:
    """How many processes serve, and on which store."""

    store: str  # "sqlite" or "redis"
    replicas: int = 1
    workers: int = 1

    @property
    def name(self) -> str:
        several = ("replica", self.replicas) if self.replicas > 1 else ("worker", self.workers)
        word, count = several
        store = {"sqlite": "SQLite", "redis": "Redis"}[self.store]
        return f"{store}, {count} {word}{'s' if count > 1 else ''}"

    @property
    def members(self) -> int:
        return self.replicas * self.workers


SHAPES = (
    Shape("sqlite"),
    Shape("sqlite", workers=4),
    Shape("redis"),
    Shape("redis", replicas=2),
    Shape("redis", replicas=3),
    Shape("redis", workers=4),
)


class Site:
    """The processes of one shape, running until ``stack`` is closed; nothing is asked of them
    but what the bench asks. Raises ``BenchError`` where one does not start."""

    def __init__(self, shape: Shape, folder: Path, stack: ExitStack, cores: set[int]) -> None:
        folder.mkdir()
        self.shape = shape
        self.control = 0  # the port of the first replica's control API
        self._folder, self._stack, self._cores = folder, stack, cores
        self._gateways: list[Process] = []
        store = f"sqlite:{folder}/gateway.db" if shape.store == "sqlite" else self._redis()
        for number in range(shape.replicas):
            self._gateway(number, store)
        self._wait_members()

    def cpu_seconds(self) -> float:
        """What all gateways have used so far, supervisors too; Redis is not counted."""
        return sum(gateway.cpu_seconds() for gateway in self._gateways)

    def log_tail(self) -> str:
        return "\n".join(gateway.log_tail() for gateway in self._gateways)

    def _redis(self) -> str:
        if shutil.which("redis-server") is None:
            raise BenchError("no redis-server here: tests/install-servers.sh installs it")
        folder, port = self._folder / "redis", free_port()
        folder.mkdir()
        # As docs/stores.md has it for a store that loses no answered write.
        durable = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
        here = ("--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder))
        self._start("redis", ("redis-server", *here, *durable)).wait_ready(port)
        return f"redis://127.0.0.1:{port}"

    def _gateway(self, number: int, store: str) -> None:
        listen, control, app = free_port(), free_port(), free_port()
        config = self._folder / f"gateway-{number}.yaml"
        config.write_text(
            f"upstream: http://127.0.0.1:{app}\n"  # never asked: the members are idle
            f"listen: 127.0.0.1:{listen}\n"
            f"control: {{listen: '127.0.0.1:{control}'}}\n"
            f"workers: {self.shape.workers}\n"
            f"store: {store}\n"
            f"flags:\n  {SWITCH}: {{}}\n  {FLAG}: {{user: {{cookie: uid}}, enabled: true}}\n"
        )
        command = (sys.executable, "-m", "gateway", "serve", "-c", str(config))
        gateway = self._start(f"gateway-{number}", command)
        self._gateways.append(gateway)
        self.control = self.control or control
        gateway.wait_ready(listen, control)

    def _start(self, name: str, command: tuple[str, ...]) -> Process:
        log = self._folder / f"{name}.log"
        process = Process(name, command, cores=self._cores, log=log, cwd=HERE)
        return self._stack.enter_context(process)

    def _wait_members(self) -> None:
        # The workers of one gateway listen one after another.
        deadline = time.monotonic() + READY_SECONDS
        while True:
            with Control(self.control) as control:
                members = control.call("GET", "status")["members"]
            if sum(each.get("state") == "live" for each in members) == self.shape.members:
                return
            if time.monotonic() > deadline:
                raise BenchError(f"{self.shape.name}: {members}\n{self.log_tail()}")
            time.sleep(0.05)


class Control:
    """The control API over one kept connection, for a ``with`` block."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=40)

    def call(self, method: str, path: str, document: object = None) -> dict[str, Any]:
        """What it answers with 200; everything else is a ``BenchError``."""
        body = None if document is None else json.dumps(document)
        fields = {} if body is None else {"Content-Type": "application/json"}
        try:
            self._connection.request(method, f"/api/v1/{path}", body, fields)
            answer = self._connection.getresponse()
            text = answer.read().decode()
        except (OSError, HTTPException) as error:
            raise BenchError(f"{method} {path}: {error!r}") from error
        if answer.status != 200:
            raise BenchError(f"{method} {path}: {answer.status} {text}")
        found: dict[str, Any] = json.loads(text)
        return found

    def timed(self, method: str, path: str, document: object = None) -> float:
        """Seconds until the whole answer is here."""
        began = time.perf_counter()
        self.call(method, path, document)
        return time.perf_counter() - began

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
