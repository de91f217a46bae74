"""What a guard can end in besides its command's own exit status.

All are 64 and above, where few commands end, so that below 64 it is the command that speaks.
126, 127 and 128+n are what a shell would say of the command.
"""

from __future__ import annotations

import signal
from enum import IntEnum

from gateway.cli.failures import Failure, Refused, Unreachable


class Status(IntEnum):
    """Exit statuses of ``gateway guard``; documented in docs/guard.md."""

    DONE = 0
    MISUSED = 64
    REFUSED = 65  # the gateway said no: unknown flag, wrong kind, no operator's token
    GUARDED = 66  # somebody else guards the same
    NOT_ARMED = 67  # a member did not follow in time
    NOT_DRAINED = 68
    UNREACHABLE = 69
    UNCHECKED = 70  # the command has ended well, the check has not
    CHANGED = 71  # somebody else changed the flag, or took the guard, while it ran
    NOT_LIFTED = 72  # the command has ended well, and the flag could not be turned off
    UNREADABLE = 73  # the list of users or the journal
    CANNOT_RUN = 126
    NOT_FOUND = 127


class GuardFailed(Failure):
    """The guard's own failure, with the exit status that says which."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = int(status)


class Interrupted(GuardFailed):
    """A signal came before the command was started."""

    def __init__(self, number: int) -> None:
        name = signal.Signals(number).name
        super().__init__(128 + number, f"{name} came before the command was started")


def own(failure: Failure) -> GuardFailed:
    """A failure to call the gateway, as the guard ends with it."""
    if isinstance(failure, GuardFailed):
        return failure
    if isinstance(failure, Unreachable):
        return GuardFailed(Status.UNREACHABLE, failure.message)
    if isinstance(failure, Refused):
        return GuardFailed(Status.REFUSED, failure.message)
    return GuardFailed(Status.MISUSED, failure.message)
