"""Gateways as an operator runs them, one or several on one store: their workers, one by one."""

from __future__ import annotations

import http.client
import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.support.exchange import Ask, Line
from tests.support.gateway_process import TOKEN, GatewayProcess, Reply
from tests.support.redis_server import RedisServer
from tests.support.servers import wait_until
from tests.support.workers import children, listening, peers

LONGEST = 120.0  # seconds that a call may take: a drain waits for a lease


@dataclass(frozen=True, slots=True)
class Worker:
    """One process that serves, and its gateway. ``opened`` is what closes its connections."""

    pid: int
    gateway: GatewayProcess
    opened: ExitStack = field(repr=False)

    def line(self) -> Line:
        """A kept connection to this very process."""
        while True:
            line = Line(self.gateway.port)
            self.opened.callback(line.close)
            line.ask(Ask("/"))
            if line.port in peers(self.pid, self.gateway.port):
                return line

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP; SIGCONT at the end, or before."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            self.wake()

    def wake(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def control(self) -> Control:
        """The control API as this very process answers it."""
        port = self.gateway.control
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST)
            self.opened.callback(connection.close)
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            if connection.sock.getsockname()[1] in peers(self.pid, port):
                return Control(connection)


@dataclass(frozen=True, slots=True)
class Control:
    """Calls over one kept connection."""

    connection: http.client.HTTPConnection

    def call(self, method: str, path: str, document: object = None) -> Reply:
        body = None if document is None else json.dumps(document)
        fields = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        self.connection.request(method, f"/api/v1/{path}", body, fields)
        answer = self.connection.getresponse()
        return Reply(answer.status, answer.headers.get_content_type(), json.loads(answer.read()))

    def turn_on(self, flag: str) -> None:
        reply = self.call("PATCH", f"flags/{flag}", {"enabled": True})
        assert reply.status == 200, reply

    def drain(self, flag: str, timeout: float = 20.0, **more: Any) -> Reply:
        return self.call("POST", f"flags/{flag}/drain", {"timeout": timeout, **more})

    def members(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", "status").document["members"]
        return found


class _OfMany(GatewayProcess):
    """A gateway whose store is another's too."""

    def __init__(self, folder: Path, upstream: str, flags: str, store: str, extra: str) -> None:
        self._store = store
        super().__init__(folder, upstream, flags, extra=extra)

    def config_text(self, flags: str) -> str:
        own = f"store: sqlite:{self.folder}/gateway.db\n"
        return super().config_text(flags).replace(own, f"store: {self._store}\n")


@dataclass
class Running:
    """All of them, for a ``with`` block: one gateway of several workers, or replicas of one."""

    folder: Path
    upstream: str
    flags: str
    workers: int = 1
    replicas: int = 1
    extra: str = ""
    gateways: list[GatewayProcess] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)
    _opened: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            store = f"sqlite:{self.folder}/gateway.db"
            if self.replicas > 1:
                redis = RedisServer(self.folder / "redis")
                redis.start()
                stack.callback(redis.kill)
                store = redis.url
            extra = f"workers: {self.workers}\n{self.extra}"
            for number in range(self.replicas):
                folder = self.folder / f"{number}"
                gateway = _OfMany(folder, self.upstream, self.flags, store, extra)
                self.gateways.append(stack.enter_context(gateway))
            wait_until(lambda: len(self.all()) == self.workers * self.replicas, "all listen")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        self._stack.close()

    def hang_up(self) -> None:
        """Close every connection that was opened through its workers."""
        self._opened.close()

    def all(self) -> list[Worker]:
        """The processes that serve now."""
        return [
            Worker(pid, gateway, self._opened)
            for gateway in self.gateways
            for pid in sorted(self._serving(gateway))
        ]

    def _serving(self, gateway: GatewayProcess) -> set[int]:
        pid = gateway.program.pid
        pids = {pid} if self.workers == 1 else children(pid)
        return {each for each in pids if listening(each, gateway.port)}

    def log_tail(self) -> str:
        return "\n".join(gateway.log_tail() for gateway in self.gateways)
