"""What a supervisor knows of its workers: each process, and each slot that is to have one."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
from dataclasses import dataclass

from gateway.processes.worker import BEAT, FAILED, READY
from gateway.telemetry.shared_tally import Desk

_BEAT = re.compile(rb"(?m)^%s([^\n]*)\n" % BEAT)
STEADY = 30.0  # seconds of service after which a death is the first again
FIRST_WAIT, LAST_WAIT = 0.25, 5.0  # seconds between deaths, after a first one without


@dataclass(slots=True, eq=False)
class Worker:
    """A process, and what is known of it. Times are on the monotonic clock.

    ``condition`` is what it has last said of itself, at ``heard``.
    """

    pid: int
    slot: int
    generation: int
    line: socket.socket
    desk: Desk
    started: float
    ready: float | None = None
    said: bytes = b""
    ended: bool = False  # it has closed its line, so its death is near
    condition: str = ""
    heard: float = 0.0
    missed: int = 0  # looks in a row at which it was silent

    def hear(self, now: float) -> None:
        """Take in what it has said."""
        self._listen()
        for beat in _BEAT.finditer(self.said):
            self.condition, self.heard = beat[1].decode("utf-8", "replace"), now
        self.said = _BEAT.sub(b"", self.said)

    def _listen(self) -> None:
        try:
            while said := self.line.recv(4096):
                self.said += said
            self.ended = True
        except BlockingIOError:
            pass
        except OSError:
            self.ended = True

    def hangs(self, now: float, limit: float) -> bool:
        """Whether a worker that serves has been silent for longer, at two looks in a row.

        At one alone it may be this process that had no time to listen, or the whole machine.
        """
        silent = self.ready is not None and now - max(self.heard, self.ready) > limit
        self.missed = self.missed + 1 if silent else 0
        return self.missed > 1

    @property
    def says_ready(self) -> bool:
        return self.said.startswith(READY)

    def failure(self, status: int) -> str:
        """Why it is dead, given what ``waitpid`` said."""
        _, failed, why = self.said.partition(FAILED)
        if failed:
            return why.decode("utf-8", "replace")
        code = os.waitstatus_to_exitcode(status)
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"killed by {signal.Signals(-code).name}"
        return f"ended with status {code}"


@dataclass(slots=True, eq=False)
class Slot:
    """One of the workers that there are to be: who serves, who is to, and when to try again."""

    number: int
    serving: Worker | None = None
    coming: Worker | None = None
    deaths: int = 0
    due: float = 0.0

    def back_off(self, now: float, lived: float) -> float:
        """After a death: when to try again. Returns the seconds until then."""
        if lived >= STEADY:
            self.deaths = 0
        wait = min(FIRST_WAIT * 2 ** (self.deaths - 1), LAST_WAIT) if self.deaths else 0.0
        self.deaths += 1
        self.due = now + wait
        return wait
