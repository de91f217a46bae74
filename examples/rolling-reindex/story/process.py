"""One program of the story: started, waited for, and always ended with all that it started."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

READY_SECONDS = 60.0
STOP_SECONDS = 15.0
POLL_SECONDS = 0.02


class StoryError(Exception):
    """The story cannot go on; says why, for the person who plays it."""


def free_ports(count: int) -> list[int]:
    """Different ports of 127.0.0.1 that nobody listens on."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def wait_until(condition: Callable[[], bool], what: str, within: float = READY_SECONDS) -> None:
    """Raises ``StoryError`` where it is not so within so many seconds."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise StoryError(f"not within {within:.0f} s: {what}")
        time.sleep(POLL_SECONDS)


class Process:
    """Runs while its ``with`` block does; what it prints goes to ``log``, or where ours does."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path | None,
        port: int | None = None,
        stdin: Path = Path(os.devnull),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self._log, self._port = log, port
        self._name = Path(command[0]).name
        with contextlib.ExitStack() as stack:
            output = None if log is None else stack.enter_context(log.open("ab"))
            self._popen = subprocess.Popen(
                [*_ending_with_us(), *command],
                stdin=stack.enter_context(stdin.open("rb")),
                stdout=output,
                stderr=output,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                start_new_session=True,  # Ctrl-C is ours: we end it, in order
            )

    def wait_ready(self) -> None:
        """Returns once its port accepts."""
        wait_until(self._accepts, f"{self._name} listens")

    def wait(self, seconds: float) -> int:
        """Its exit status, once it has ended by itself. Raises ``StoryError``."""
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise StoryError(f"{self._name} has not ended within {seconds:.0f} s") from error

    def said(self) -> str:
        """The end of its log."""
        return "" if self._log is None else self._log.read_text(errors="replace")[-2000:]

    def terminate(self) -> None:
        """Asks it to end."""
        if self._popen.poll() is None:
            self._popen.terminate()

    def stop(self) -> None:
        """Politely, with time to end what is under way; whatever is left then is killed."""
        self.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()

    def _accepts(self) -> bool:
        if self._popen.poll() is not None:
            raise StoryError(f"{self._name} ended at once:\n{self.said()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
            return True
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _ending_with_us() -> list[str]:
    # Should we be killed ourselves, the kernel ends it, where setpriv (util-linux) is there.
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []
