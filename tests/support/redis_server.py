"""A real Redis server of one test: on a free port, with its files in the test's own folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.ports import free_port

MISSING = "no redis-server here; tests/install-servers.sh installs it (package redis-server)"


class RedisServer:
    """Durable as an operator would have it: every write in the log, and synced."""

    def __init__(self, folder: Path, *settings: str, port: int | None = None) -> None:
        self.folder = folder
        self.port = free_port() if port is None else port
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.skip(MISSING)
        self.folder.mkdir(exist_ok=True)
        listening = ("--port", str(self.port)) if "--port" not in self._settings else ()
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, *self._arguments(), *listening, *self._settings],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
            )
        self._wait()

    def _arguments(self) -> tuple[str, ...]:
        durable = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
        return ("--bind", "127.0.0.1", "--dir", str(self.folder), *durable)

    def _wait(self) -> None:
        deadline = time.monotonic() + 20
        # -NOAUTH is an answer too; -LOADING says that it is not there yet
        while (answer := self.command("PING")) == b"" or answer.startswith(b"-LOADING"):
            assert self._process is not None
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.01)

    def until(self, command: str, expected: bytes) -> None:
        """Ask until the answer holds what is expected."""
        deadline = time.monotonic() + 20
        while expected not in (answer := self.command(command)):
            assert time.monotonic() < deadline, answer
            time.sleep(0.01)

    def command(self, *words: str) -> bytes:
        """One command over a connection of its own: the first part of the answer, as it is."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
                connection.sendall(f"{' '.join(words)}\r\n".encode())
                return connection.recv(65536)
        except OSError:
            return b""

    def freeze(self) -> None:
        """SIGSTOP, and wait until it has stopped."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


class Sentinel(RedisServer):
    """Watches one master, alone: a failover takes well under a second."""

    def __init__(self, folder: Path, master: int) -> None:
        super().__init__(folder)
        folder.mkdir()
        (folder / "sentinel.conf").write_text(
            f"port {self.port}\nbind 127.0.0.1\n"
            f"sentinel monitor main 127.0.0.1 {master} 1\n"
            "sentinel down-after-milliseconds main 300\n"
            "sentinel failover-timeout main 1000\n"
        )

    def _arguments(self) -> tuple[str, ...]:
        return (str(self.folder / "sentinel.conf"), "--sentinel")
