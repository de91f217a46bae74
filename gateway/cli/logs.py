"""Logging of a gateway that serves: plain lines on stderr, one a record."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

import click

LEVELS = ("debug", "info", "warning", "error")


def log_level_option(default: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        "--log-level",
        type=click.Choice(LEVELS, case_sensitive=False),
        default=default,
        show_default=True,
        envvar="GATEWAY_LOG_LEVEL",
        help="The least that is logged.",
    )


class OneLine(logging.Formatter):
    """``2025-01-31 14:05:09 WARNING gateway.state: message``, no line breaks.

    The lines of one message, such as the errors of a YAML, are joined. Only a traceback (a bug)
    runs over several lines.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 logging's own name
        text = super().formatMessage(record).replace("\r", "\\r")
        return text.replace(":\n", ": ").replace("\n", "; ")


def log_to_stderr(level: str) -> None:
    """Send every log record of this level and above to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s", _TIME))
    # It tells of every file that stirs beside the YAML, which may be the log itself.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # a line an edit, and one more


_TIME = "%Y-%m-%d %H:%M:%S"
