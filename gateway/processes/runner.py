"""An app and the gateway in front of it: two children of a process that ends as the app does.

Theory of operation. This process serves nothing and has neither event loop nor threads: it waits
for signals, and for the end of its children. It is made to be process 1 of a container, so it is
the parent, too, of every process that has lost its own, and reaps those.

The gateway ends first and the app after it, so that what is under way is answered by an app that
is not ending yet. Each has ``patience`` seconds for that (the gateway, which may linger before,
``linger`` more), and is killed then. Where one of the two
ends by itself, the other is ended.

It is this process's to say when the gateway ends. There are platforms that send SIGTERM to all
processes at once (Heroku), so the gateway hears another signal, and nobody tells it twice.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import math
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from gateway.processes.forking import fork
from gateway.processes.signal_inbox import SignalInbox

GRACE = 1.0  # seconds beyond its patience after which the gateway is killed
NOT_FOUND, NOT_RUN = 127, 126  # as shells say it

END = signal.SIGINT  # tells the gateway to end; said twice, at once
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
PASSED_ON = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH)

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # prctl(2)

log = logging.getLogger("gateway.runner")


@dataclass(slots=True)
class Child:
    """``pid`` 0: it has ended, with ``status``. ``kill_at`` is monotonic."""

    name: str
    pid: int
    status: int = 0
    kill_at: float = math.inf

    def send(self, number: int) -> None:
        if self.pid:
            os.kill(self.pid, number)  # not reaped yet, so it is still that process's id


class Runner:
    """Runs ``command`` with ``environ``, and ``serve`` (which returns an exit status) beside it."""

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        serve: Callable[[], int],
        patience: float,
        linger: float = 0.0,
    ) -> None:
        self._command = tuple(command)
        self._environ = environ
        self._serve = serve
        self._patience = patience
        self._linger = linger
        self._pid = os.getpid()
        self._inbox = SignalInbox(*ENDING, *PASSED_ON, signal.SIGCHLD)
        self._told = 0  # the signal that said to end; 0: none has
        self._failed = 0  # the gateway's status, where it has ended by itself

    def run(self) -> int:
        """Until both have ended. Returns the app's status; the gateway's, where that failed."""
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        with self._inbox:
            self._app = Child("the app", fork(self._be_app))
            self._gateway = Child("the gateway", fork(self._be_gateway))
            while self._app.pid or self._gateway.pid:
                self._wait()
                for number in self._inbox.take():
                    self._heard(number)
                self._reap()
                self._kill_late()
        return self._failed or self._app.status

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._inbox, select.POLLIN)
        left = min(self._app.kill_at, self._gateway.kill_at) - time.monotonic()
        poll.poll(None if math.isinf(left) else max(0, math.ceil(left * 1000)))

    def _heard(self, number: int) -> None:
        if number in PASSED_ON:
            self._app.send(number)
        elif number in ENDING and not self._told:
            self._told = number
            self._end(self._gateway if self._gateway.pid else self._app)
        elif number in ENDING:  # said twice: at once
            self._gateway.send(END)
            self._app.send(number)

    def _end(self, child: Child) -> None:
        if child is self._app:
            child.send(self._told or signal.SIGTERM)
            child.kill_at = time.monotonic() + self._patience
        else:
            child.send(END)
            child.kill_at = time.monotonic() + self._linger + self._patience + GRACE

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):  # none is left
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                for child in (self._app, self._gateway):
                    if child.pid == found[0]:
                        self._gone(child, os.waitstatus_to_exitcode(found[1]))

    def _gone(self, child: Child, code: int) -> None:
        child.pid, child.kill_at = 0, math.inf
        child.status = code if code >= 0 else 128 - code
        if child is self._gateway and self._app.pid:
            if not self._told:
                self._failed = child.status or 1
                log.error("the gateway ended with %d: ending the app", child.status)
            self._end(self._app)
        elif child is self._app and self._gateway.pid:
            log.info("the app ended with %d", child.status)
            self._end(self._gateway)

    def _kill_late(self) -> None:
        now = time.monotonic()
        for child in (self._app, self._gateway):
            if child.kill_at <= now:
                child.kill_at = math.inf
                log.warning("%s did not end in time: killing it", child.name)
                child.send(signal.SIGKILL)

    # In the children

    def _begin(self, mask: set[int]) -> None:
        self._inbox.forget()
        for number in (*ENDING, *PASSED_ON, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)

    def _be_app(self, mask: set[int]) -> NoReturn:
        self._begin(mask)
        _end_with_the_parent(signal.SIGTERM, self._pid)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)  # Python ignores them
        try:
            os.execvpe(self._command[0], self._command, self._environ)  # noqa: S606 what it is for
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            sys.stderr.write(f"Error: {self._command[0]}: {error.strerror}\n")
            sys.stderr.flush()
            os._exit(NOT_FOUND if missing else NOT_RUN)

    def _be_gateway(self, mask: set[int]) -> NoReturn:
        self._begin(mask)
        _end_with_the_parent(END, self._pid)
        os.setpgid(0, 0)  # Ctrl-C is for the parent, which says in which order all ends
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        status = 1
        try:
            status = self._serve()
        except BaseException:  # the last frame of this process
            log.critical("the gateway ended by a bug", exc_info=True)
        finally:
            with contextlib.suppress(BaseException):
                logging.shutdown()
            os._exit(status)


def _end_with_the_parent(number: signal.Signals, parent: int) -> None:
    _prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it was quicker
        os.kill(os.getpid(), number)


def _prctl(option: int, value: int) -> None:
    # Linux alone has it. Without, orphans go to process 1, and the children outlive a SIGKILL.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
