"""One turn of a guard: the flag on, drained, the command run, the flag off.

The one rule that everything here serves: the command runs only while the flag holds and is
drained, and the flag is turned off only after a command that ended well, with nobody else
having touched it. Whatever is unclear leaves it on.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway.cli.client import Document
from gateway.cli.failures import Failure
from gateway.cli.guard.check import Check
from gateway.cli.guard.command import Launcher, Program
from gateway.cli.guard.drain import Drainer
from gateway.cli.guard.failures import GuardFailed, Interrupted, Status, own
from gateway.cli.guard.flag import GuardedFlag
from gateway.cli.guard.record import GuardRecord
from gateway.cli.guard.signals import Interrupts
from gateway.cli.wording import drained

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Job:
    """What is run in a turn, what must pass after it, and which of its exit statuses mean that
    nothing was changed."""

    program: Program
    check: Check | None = None
    lift_on: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a turn ended. ``status`` is what the guard ends with if this was its last.

    ``message`` says why where it is not 0; ``left_on``, in a few words, why the flag stays on.
    """

    status: int
    took: float
    message: str = ""
    left_on: str = ""


class Turn:
    """Takes turns, one after another, for one worker of the guard."""

    def __init__(
        self,
        flag: GuardedFlag,
        record: GuardRecord,
        drainer: Drainer,
        launcher: Launcher,
        interrupts: Interrupts,
        *,
        job: Job,
        say: Say,
    ) -> None:
        self._flag = flag
        self._record = record
        self._drainer = drainer
        self._launcher = launcher
        self._interrupts = interrupts
        self._job = job
        self._say = say

    def take(self, user: str | None) -> Outcome:
        """Everything, for this user if one is named. What fails is in the outcome."""
        started = time.monotonic()
        try:
            status, environ = self._run(user)
        except Failure as failure:
            failed = own(failure)
            return Outcome(failed.status, time.monotonic() - started, self._named(user, failed))
        try:
            self._lift(user, status, environ)
        except _StaysOn as stays:
            took = time.monotonic() - started
            return Outcome(stays.status, took, self._stays_on(user, stays.why), stays.why)
        message = "" if not status else self._named(user, self._nothing_changed(status))
        return Outcome(status, time.monotonic() - started, message)

    def _run(self, user: str | None) -> tuple[int, dict[str, str]]:
        # Whatever goes wrong before the command has started puts the flag back.
        self._check_interrupted()
        try:
            revision = self._flag.hold(user)
            self._say(f"on since revision {revision}")
            result = self._drainer.drain(self._flag.name, user, revision)
            self._say(drained(result))
            if self._record.lost is not None:
                raise GuardFailed(Status.CHANGED, self._record.lost)
            self._check_interrupted()
            environ = self._environ(user, result)
            return self._launcher.run(self._for(user), environ), environ
        except Failure as failure:
            raise self._put_back(user, own(failure)) from failure

    def _lift(self, user: str | None, status: int, environ: dict[str, str]) -> None:
        name, number = self._job.program.name, self._interrupts.number
        if number is not None:
            raise _StaysOn(status or 128 + number, f"{name} was interrupted")
        if status and status not in self._job.lift_on:
            how = (
                f"was killed by signal {status - 128}" if status > 128 else f"exited with {status}"
            )
            raise _StaysOn(status, f"{name} {how}")
        try:
            if not status and self._job.check is not None:
                self._job.check.wait_passed(self._launcher, environ, self._interrupts)
            self._flag.lift(user)
        except Failure as failure:
            failed = own(failure)
            code = failed.status if isinstance(failure, GuardFailed) else Status.NOT_LIFTED
            raise _StaysOn(status or int(code), failed.message) from failure
        self._say("off")

    def _put_back(self, user: str | None, failed: GuardFailed) -> GuardFailed:
        try:
            self._flag.put_back(user)
        except Failure as second:
            said = f"{failed.message}; and {self._flag.name} could not be put back"
            return GuardFailed(failed.status, f"{said}: {second.message}")
        return failed

    def _for(self, user: str | None) -> Program:
        if user is None:
            return self._job.program
        return Program(self._job.program.path, (*self._job.program.words, user))

    def _environ(self, user: str | None, result: Document) -> dict[str, str]:
        named = {"GATEWAY_USER": user} if user is not None else {}
        revision = str(result.get("revision"))
        return {
            **os.environ,
            "GATEWAY_FLAG": self._flag.name,
            "GATEWAY_REVISION": revision,
            **named,
        }

    def _check_interrupted(self) -> None:
        if self._interrupts.number is not None:
            raise Interrupted(self._interrupts.number)

    def _nothing_changed(self, status: int) -> GuardFailed:
        said = (
            f"{self._job.program.name} exited with {status}, which means that nothing was changed"
        )
        return GuardFailed(status, f"{said}: {self._flag.name} is off again")

    def _named(self, user: str | None, failure: Failure) -> str:
        return failure.message if user is None else f"{user}: {failure.message}"

    def _stays_on(self, user: str | None, why: str) -> str:
        whom = "" if user is None else f" for {user}"
        option = "" if user is None else f" --user {shlex.quote(user)}"
        name = self._flag.name
        return f"{why}: {name} stays on{whom}. To lift it: gateway off {name}{option}"


class _StaysOn(Exception):  # noqa: N818 an ending, told to the caller as an Outcome
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why
