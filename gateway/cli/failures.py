"""What a verb can fail with, each with its exit status and one line for stderr.

Exit statuses: 0 done, 1 the gateway said no, 2 called wrongly, 3 no gateway was reached.
"""

from __future__ import annotations

import click


class Failure(click.ClickException):
    """One line on stderr, and an exit status of its own."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))


class Refused(Failure):
    """The gateway answered, and said no. ``body`` is its answer as it came."""

    exit_code = 1

    def __init__(self, message: str, *, status: int = 0, body: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class Misused(Failure):
    """The command line makes no sense; nothing was asked of the gateway."""

    exit_code = 2


class Unreachable(Failure):
    """No gateway answered at that address."""

    exit_code = 3


def one_line(text: str) -> str:
    """The text on one line, with nothing in it that a terminal would act upon."""
    flat = " ".join(text.split())
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in flat)
