"""Real programs for tests: started on free ports, waited for, their logs kept, always reaped."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from tests.support.ports import free_port

READY_SECONDS = 60.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.02
LOG_TAIL = 8000  # characters
BIN = Path(sys.executable).parent

T = TypeVar("T")


def accepts(port: int) -> bool:
    """Whether something listens on that port of 127.0.0.1 now."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def wait_until(condition: Callable[[], T], what: str, *, within: float = 60.0) -> T:
    """Ask until the answer is true, and return it; fail after ``within`` seconds."""
    deadline = time.monotonic() + within
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what}")
        time.sleep(POLL_SECONDS)
    return found


class Program:
    """One program with its workers, running while the ``with`` block does.

    It is up once each of ``ports`` accepts. What it prints goes to ``log``; the hook in
    ``tests/e2e/conftest.py`` shows the end of it with a test that failed. ``passed`` are
    descriptors that it inherits.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        ports: Sequence[int] = (),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        passed: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._ports = ports
        self._env = {**os.environ, **(env or {})}
        self._cwd = cwd
        self._passed = tuple(passed)
        self._popen: subprocess.Popen[bytes] | None = None

    @property
    def started(self) -> bool:
        return self._popen is not None

    @property
    def pid(self) -> int:
        return self._running.pid

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._popen is not None, f"{self.name} is not started"
        return self._popen

    def start(self) -> None:
        """Start and return once it listens; fail with its log if it does not."""
        with self.log.open("ab") as output:
            self._popen = subprocess.Popen(
                [*_ending_with_us(), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,
                pass_fds=self._passed,
            )
        try:
            wait_until(self._listening, f"{self.name} listens", within=READY_SECONDS)
        except AssertionError as error:
            self.kill()
            raise AssertionError(f"{error}\n{self.log_tail()}") from None

    def _listening(self) -> bool:
        if self._running.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self._running.returncode}")
        return all(map(accepts, self._ports))

    def terminate(self) -> int:
        """Ask it to end (SIGTERM), wait for that, and return its exit status."""
        self._running.terminate()
        return self._running.wait(STOP_SECONDS)

    def wait(self) -> int:
        """Wait for its end, and return its exit status."""
        return self._running.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End it and its workers as a power cut would (SIGKILL)."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._running.pid, signal.SIGKILL)
        self._running.wait(STOP_SECONDS)

    def alive(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-LOG_TAIL:] if self.log.exists() else ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            if self.alive():
                self.terminate()
        self.kill()


def _ending_with_us() -> list[str]:
    # A test process that is killed reaps nothing: where it can, the kernel does it instead.
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def gunicorn(
    application: str,
    folder: Path,
    *,
    options: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
) -> tuple[Program, int]:
    """gunicorn serving a WSGI application from ``folder``, and the port it will listen on."""
    port = free_port()
    # As a file: a setting that an older gunicorn does not know is ignored there.
    config = folder / "gunicorn.settings.py"
    config.write_text("control_socket_disable = True\ngraceful_timeout = 2\n")
    command = [
        *(str(BIN / "gunicorn"), "--config", str(config), "--bind", f"127.0.0.1:{port}"),
        *(*options, application),
    ]
    log = folder / "gunicorn.log"
    return Program("gunicorn", command, log=log, ports=[port], env=env, cwd=folder), port
