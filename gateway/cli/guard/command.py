"""The guarded command: found before anything is flipped, started, signalled and waited for.

It is started with posix_spawn, which takes a fifth of the time of ``subprocess`` in a process
with threads. On a terminal it stays in the guard's process group, so that it can read from the
terminal and Ctrl-C reaches it; elsewhere it leads a group of its own, so that what it starts
in turn gets the signals too.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.cli.guard.failures import GuardFailed, Status
from gateway.cli.guard.signals import Interrupts

# Python ignores these; a command expects them as it would find them in a shell.
_RESTORED = (signal.SIGPIPE, signal.SIGXFSZ)


@dataclass(frozen=True, slots=True)
class Program:
    """A command line whose first word has been found. ``words`` are as they were given."""

    path: str
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        return Path(self.words[0]).name


def find_program(words: Sequence[str]) -> Program:
    """Raises ``GuardFailed`` with 127 where there is no such program, 126 where it cannot run."""
    path = shutil.which(words[0])
    if path is not None:
        return Program(path, tuple(words))
    if _is_there(words[0]):
        raise GuardFailed(Status.CANNOT_RUN, f"{words[0]}: not executable; nothing was flipped")
    raise GuardFailed(Status.NOT_FOUND, f"{words[0]}: command not found; nothing was flipped")


class Command:
    """One run of a program."""

    def __init__(self, pid: int, *, leads: bool) -> None:
        self._pid = pid
        self._leads = leads  # a process group of its own
        self._lock = threading.Lock()
        self._ended = False

    def signal(self, number: int, from_terminal: bool) -> None:  # noqa: FBT001 a Listener
        """Passes a signal on, unless the terminal has sent it here as well."""
        if from_terminal and not self._leads:
            return
        with self._lock, suppress(ProcessLookupError):
            if self._ended:
                return
            if self._leads:
                os.killpg(self._pid, number)
            else:
                os.kill(self._pid, number)

    def wait(self) -> int:
        """The exit status; 128 and the signal's number where one killed it."""
        # Left as a zombie until the lock is held: its number must not be another's by then.
        os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            self._ended = True
            status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return status if status >= 0 else 128 - status


class Launcher:
    """Starts commands as this guard wants them.

    ``output``: a descriptor for what they write. ``told``: what each finds in its environment.
    """

    def __init__(
        self,
        interrupts: Interrupts,
        *,
        reads: bool,
        output: int | None = None,
        told: Mapping[str, str] | None = None,
    ) -> None:
        self._interrupts = interrupts
        self._leads = not _in_foreground()
        self._reads = reads
        self._output = output
        self._told = told or {}

    def run(self, program: Program, environ: Mapping[str, str]) -> int:
        """Start, pass signals on, wait. Raises ``GuardFailed`` where it does not start."""
        pid = self._spawn(program, {**environ, **self._told})
        command = Command(pid, leads=self._leads)
        with self._interrupts.told(command.signal):
            return command.wait()

    def _spawn(self, program: Program, environ: Mapping[str, str]) -> int:
        with self._files() as actions:
            try:
                if self._leads:
                    return os.posix_spawn(
                        program.path, program.words, environ, file_actions=actions,
                        setpgroup=0, setsigmask=self._interrupts.mask, setsigdef=_RESTORED,
                    )  # fmt: skip
                return os.posix_spawn(
                    program.path, program.words, environ, file_actions=actions,
                    setsigmask=self._interrupts.mask, setsigdef=_RESTORED,
                )  # fmt: skip
            except OSError as error:
                said = f"{program.words[0]} cannot be started: {error.strerror}"
                raise GuardFailed(Status.CANNOT_RUN, said) from error

    @contextmanager
    def _files(self) -> Iterator[list[tuple[int, ...]]]:
        actions: list[tuple[int, ...]] = []
        nothing = None if self._reads else os.open(os.devnull, os.O_RDONLY)
        if nothing is not None:
            actions.append((os.POSIX_SPAWN_DUP2, nothing, 0))
        if self._output is not None:
            actions += [(os.POSIX_SPAWN_DUP2, self._output, fd) for fd in (1, 2)]
        try:
            yield actions
        finally:
            if nothing is not None:
                os.close(nothing)


def _in_foreground() -> bool:
    # Whether this process is in the foreground of a terminal, as a shell would put it.
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


def _is_there(word: str) -> bool:
    places = [""] if "/" in word else os.environ.get("PATH", os.defpath).split(os.pathsep)
    return any(Path(place, word).exists() for place in places)
