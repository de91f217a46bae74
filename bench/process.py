"""One program under measurement: started on a core, its CPU time read, always ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

READY_SECONDS = 20.0
STOP_SECONDS = 5.0
POLL_SECONDS = 0.02


class BenchError(Exception):
    """The run cannot go on, or what it measured is not worth printing."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """A program and all its workers, pinned to ``cores``; a context manager that ends it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        cores: set[int],
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self._log = log
        with log.open("wb") as output, pinned(cores):
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                start_new_session=True,
            )

    def wait_ready(self, *ports: int) -> None:
        """Return once every port accepts; raise with the program's log if it does not."""
        deadline = time.monotonic() + READY_SECONDS
        for port in ports:
            while not _accepts(port):
                if self._popen.poll() is not None:
                    raise BenchError(f"{self.name} ended at once:\n{self.log_tail()}")
                if time.monotonic() > deadline:
                    raise BenchError(f"{self.name} is not listening:\n{self.log_tail()}")
                time.sleep(POLL_SECONDS)

    def cpu_seconds(self) -> float:
        """User and system time of the program and its workers so far."""
        return sum(_cpu_seconds(pid) for pid in self._pids())

    def memory_bytes(self) -> int:
        """Resident memory of the program and its workers, shared pages shared out."""
        return sum(_proportional_bytes(pid) for pid in self._pids())

    def log_tail(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]

    def stop(self) -> None:
        """End the program and its whole group, politely first."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._popen.pid, sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(STOP_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _pids(self) -> Iterator[int]:
        waiting = [self._popen.pid]
        while waiting:
            pid = waiting.pop()
            yield pid
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{pid}/task").iterdir():
                    waiting += map(int, (task / "children").read_text().split())


@contextlib.contextmanager
def pinned(cores: set[int]) -> Iterator[None]:
    """What is started inside inherits these cores, with every thread it will make."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _cpu_seconds(pid: int) -> float:
    # The process's own CPU clock, clock_getcpuclockid(3): nanoseconds, all threads, those
    # that have ended too. /proc/PID/stat counts in ticks of 10 ms.
    return time.clock_gettime((~pid << 3) | 2)


def _proportional_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
